package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rspool/rspool/internal/fractal"
)

func newUserCommand(a *app) *cobra.Command {
	return a.group("user", "Use pools",
		"  rspool user fractal -o mandelbrot.png --registrar 127.0.0.1:3863",
		append(newUserServiceCommands(a), newUserFractalCommand(a))...,
	)
}

// userFractal is one run of "user fractal".
type userFractal struct {
	app     *app
	user    userFlags
	image   imageFlags
	render  fractal.RenderConfig
	picture string // file
	verify  bool
}

func newUserFractalCommand(a *app) *cobra.Command {
	u := &userFractal{app: a, picture: "mandelbrot.png"}
	cmd := &cobra.Command{
		Use:   "fractal",
		Short: "Have an image computed by a pool",
		Long: `Has an image of a Mandelbrot set computed by the elements of a pool. The image is
cut into tiles that run in parallel sessions; a session whose element dies is
continued by another one. A second picture shows which element computed what.

The part of the plane is moved by less than half a pixel, so that every tile is
computed exactly as the whole image would be: --verify computes it here as well and
compares every pixel.`,
		Example: `  rspool user fractal -o mandelbrot.png --registrar 127.0.0.1:3863
  rspool user fractal --size 1920x1080 --from 0.7,0.3 --to 0.8,0.24 --iterations 2000
  rspool user fractal -o mandelbrot.png -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return u.run(cmd.Context(), cmd.Flags()) },
	}
	flags := cmd.Flags()
	u.user.add(flags, fractal.DefaultHandle)
	u.image.add(flags, "1024x768")
	flags.IntVar(&u.render.TileSize, "tile", 64, "`PIXELS` in width and height of a tile; -1 asks for the whole image at once")
	flags.IntVar(&u.render.Parallel, "parallel", 8, "sessions at once")
	flags.DurationVar(&u.render.StallTimeout, "stall-timeout", 30*time.Second, "time after which an element that sends nothing is left")
	flags.BoolVar(&u.verify, "verify", false, "compute the image here as well, and fail if a pixel differs")
	addPictureFlag(cmd, a, &u.picture)
	return cmd
}

func (u *userFractal) run(ctx context.Context, flags *pflag.FlagSet) (err error) {
	view, err := u.image.view()
	if err != nil {
		return misuse(err)
	}
	if err := checkPicture(u.picture); err != nil {
		return err
	}
	settings, err := u.app.settings()
	if err != nil {
		return err
	}
	log := u.app.quietLogger(settings.Log)
	ctx, stop := u.app.untilSignal(ctx, log)
	defer stop()
	cfg, end, err := u.user.open(ctx, u.app, settings, flags, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	u.render.Handle, u.render.User, u.render.Log = u.user.handle(), cfg, log
	render := fractal.NewRender(view, u.render)
	image, report, err := u.app.watchRender(ctx, render, nil)
	if err != nil {
		return err
	}
	different := 0
	if u.verify {
		local, err := fractal.Compute(ctx, view.Parameter())
		if err != nil {
			return err
		}
		different = image.Different(local)
	}
	second := besides(u.picture, "-elements")
	if err := writePNG(u.picture, image.Picture()); err != nil {
		return err
	}
	if err := writePNG(second, image.PainterPicture(fractal.Colours(len(report.Elements)))); err != nil {
		return err
	}
	result := userFractalResult{Report: report, Picture: u.picture, ElementsPicture: second, Verified: u.verify, Different: different}
	if err := u.app.print(result, result.text); err != nil {
		return err
	}
	if different > 0 {
		return fmt.Errorf("%d of %d pixels differ from the local computation: an element does not compute as the others do", different, report.Width*report.Height)
	}
	return nil
}

// userFractalResult is what "user fractal" prints.
type userFractalResult struct {
	fractal.Report
	Picture         string `json:"picture"`
	ElementsPicture string `json:"elements_picture"`
	Verified        bool   `json:"verified"`
	Different       int    `json:"different_pixels"`
}

func (r userFractalResult) text(w io.Writer) error {
	if err := painters(w, r.Report, nil, nil); err != nil {
		return err
	}
	return summary(w, r.Report, r.Picture, r.ElementsPicture)
}

// watchRender runs an image with a gauge; each hears now and then how far it is.
func (a *app) watchRender(ctx context.Context, r *fractal.Render, each func(fractal.Progress, *gauge)) (*fractal.Image, fractal.Report, error) {
	type outcome struct {
		image  *fractal.Image
		report fractal.Report
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		o.image, o.report, o.err = r.Run(ctx)
		done <- o
	}()
	g := a.newGauge("computing", r.Progress().Total)
	defer g.close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case o := <-done:
			return o.image, o.report, o.err
		case <-tick.C:
			p := r.Progress()
			g.set(p.Pixels, workers(p))
			if each != nil {
				each(p, g)
			}
		}
	}
}

// workers says how many elements are at work.
func workers(p fractal.Progress) string {
	n := 0
	for _, e := range p.Elements {
		if e.Working > 0 {
			n++
		}
	}
	return count(n, "element") + " at work"
}

// summary says how an image came to be, below the table.
func summary(w io.Writer, r fractal.Report, pictures ...string) error {
	_, err := fmt.Fprintf(w, "\n%d x %d pixels in %s, %s; %s, the longest %s; %s computed twice (%.2f%%)\n",
		r.Width, r.Height, milliseconds(r.Elapsed), count(r.Tiles, "tile"),
		count(len(r.Failovers), "failover"), milliseconds(r.LongestFailover), count(r.Lost, "pixel"), 100*float64(r.Lost)/(float64(r.Width)*float64(r.Height)))
	if err == nil && r.Retries+r.Conflicts > 0 {
		_, err = fmt.Fprintf(w, "begun again: %s; computed differently by two elements: %s\n", count(r.Retries, "tile"), count(r.Conflicts, "pixel"))
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "written: %s\n", strings.Join(pictures, ", "))
	}
	return err
}
