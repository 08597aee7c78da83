package daemon

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rspool/rspool/plugins/protocol"
	"github.com/rspool/rspool/plugins/sdk"
)

// TestMain makes the test binary a plugin where it is started as one, which behaves as
// its argument says.
func TestMain(m *testing.M) {
	if os.Getenv(protocol.Cookie) != "" {
		how := ""
		if len(os.Args) > 1 {
			how = os.Args[1]
		}
		behave(how)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func behave(how string) {
	switch how {
	case "exit":
		os.Exit(3)
	case "garbage":
		fmt.Println("Hello! I am no plugin.")
		time.Sleep(time.Minute)
	case "protocol":
		fmt.Println("1|9|unix|/nowhere|grpc")
		time.Sleep(time.Minute)
	}
	_ = sdk.Serve(sdk.Plugin{
		Name: "tester", Version: "1.0.0",
		Policies: []sdk.Policy{{
			Name: "by-load", Summary: "The least load first.", Needs: []sdk.Field{sdk.Load},
			Rank: func(p *sdk.Pool) (sdk.Ranker, error) {
				switch how {
				case "flood":
					p.Every(10*time.Millisecond, p.Rerank)
					go func() {
						for p.Context().Err() == nil {
							p.Rerank()
						}
					}()
				case "chatter":
					go func() {
						for p.Context().Err() == nil {
							slog.Warn("again and again")
						}
					}()
				case "print":
					fmt.Println("garbage on the standard output \x1b[31m\x00")
				}
				return sdk.RankFunc(func(e sdk.Element) sdk.Rank { return rank(how, e) }), nil
			},
		}},
	})
}

func rank(how string, e sdk.Element) sdk.Rank {
	switch how {
	case "nan":
		return sdk.Rank{Key: math.NaN()}
	case "panic":
		panic("out of ideas")
	case "hang":
		select {}
	case "late":
		time.Sleep(100 * time.Millisecond)
	}
	return sdk.Rank{Key: e.Load, Step: 0.001}
}
