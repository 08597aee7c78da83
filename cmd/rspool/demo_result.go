package main

import (
	"context"
	"fmt"
	"io"
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/internal/fractal"
	"github.com/rspool/rspool/internal/status"
)

// demoResult is what the demo prints.
type demoResult struct {
	fractal.Report
	Policy          string               `json:"policy"`
	WirePolicy      string               `json:"wire_policy"` // what elements register
	PolicyVersion   string               `json:"policy_version,omitempty"`
	PolicyFile      string               `json:"policy_file,omitempty"`
	Fallback        string               `json:"fallback,omitempty"`
	PolicyAtWork    *status.Policy       `json:"policy_at_work,omitempty"` // as the registrar counted
	Seed            uint64               `json:"seed"`
	Capacities      []float64            `json:"capacities"` // pixels a second, as the elements
	Killed          []rserpool.ElementID `json:"killed"`
	Different       int                  `json:"different_pixels"`
	Correct         bool                 `json:"correct"`
	Picture         string               `json:"picture"`
	ElementsPicture string               `json:"elements_picture"`
	Total           time.Duration        `json:"total_ns"` // with the start of the processes
	Registrar       string               `json:"registrar"`
	Telemetry       string               `json:"telemetry"` // of the registrar
	// KilledRegistrar is missing where none was, TakenOver are the elements that
	// another has taken over from it.
	KilledRegistrar string `json:"killed_registrar,omitempty"`
	TakenOver       uint64 `json:"elements_taken_over,omitempty"`

	demo  *demo
	image *fractal.Image
}

func (d *demo) result(ctx context.Context, report fractal.Report, image, local *fractal.Image, total time.Duration) demoResult {
	r := demoResult{
		Report: report, Seed: d.seed, Killed: []rserpool.ElementID{},
		Different: image.Different(local), Total: total, demo: d, image: image,
		Picture: d.picture, ElementsPicture: besides(d.picture, "-elements"),
	}
	r.Correct = r.Different == 0
	d.tellRegistrars(&r)
	d.tellPolicy(ctx, &r)
	for _, e := range report.Elements {
		r.Capacities = append(r.Capacities, d.element(e.Element).capacity)
	}
	for _, e := range d.pool {
		if e.killed {
			r.Killed = append(r.Killed, e.id)
		}
	}
	return r
}

// element returns one of the demo's elements, an empty one if it is none of them.
func (d *demo) element(id rserpool.ElementID) *demoElement {
	for _, e := range d.pool {
		if e.id == id {
			return e
		}
	}
	return &demoElement{id: id}
}

// write writes the two pictures.
func (r demoResult) write() error {
	if err := writePNG(r.Picture, r.image.Picture()); err != nil {
		return err
	}
	return writePNG(r.ElementsPicture, r.image.PainterPicture(fractal.Colours(len(r.Elements))))
}

func (r demoResult) text(w io.Writer) error {
	colours := fractal.Colours(len(r.Elements))
	showPreview(w, r.image.PainterPicture(colours))
	if l := legend(w, r.Elements, colours); l != "" {
		fmt.Fprintf(w, "%s\n\n", l)
	}
	err := painters(w, r.Report, []string{"CAPACITY", "STATE"}, func(e fractal.ElementReport) []string {
		state := "alive"
		if r.demo.element(e.Element).killed {
			state = "killed"
		}
		return []string{fmt.Sprintf("%.0f px/s", r.demo.element(e.Element).capacity), state}
	})
	if err != nil {
		return err
	}
	if err := summary(w, r.Report, r.Picture, r.ElementsPicture); err != nil {
		return err
	}
	if r.KilledRegistrar != "" {
		fmt.Fprintf(w, "registrar %s was killed; the others have taken over %s, the rest had found a new home before\n", r.KilledRegistrar, count(int(r.TakenOver), "element"))
	}
	fmt.Fprint(w, r.policyInWords())
	verdict := "every pixel equals the local computation"
	if !r.Correct {
		verdict = fmt.Sprintf("WRONG: %d pixels differ from the local computation", r.Different)
	}
	_, err = fmt.Fprintf(w, "%s; %s in all, --seed %d\n", verdict, milliseconds(r.Total), r.Seed)
	return err
}
