// Command registrar embeds a registrar in a program, in four lines.
//
// It is what rspool registrar run does, without configuration and telemetry.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/rspool/rspool/registrar"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, registrar.Config{}, func(address string) { fmt.Println("registrar at", address) }); err != nil {
		log.Fatal(err)
	}
}

// run serves until the context ends; ready hears where.
func run(ctx context.Context, cfg registrar.Config, ready func(address string)) error {
	r, err := registrar.New(cfg)
	if err != nil {
		return err
	}
	ready(r.Address().String())
	return r.Serve(ctx)
}
