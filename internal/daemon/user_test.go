package daemon

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/internal/policies"
	"github.com/rspool/rspool/pool"
)

// rising prefers low loads, and counts each selection as load. It prefers the users'
// region before that.
const rising = `return {
  inputs = { "region" },
  key = function(load, selections) return load + selections * 0.25 end,
  filter = function(region, request)
    return request.attributes.region == nil or request.attributes.region == region
  end,
}
`

// crew are five elements with loads from 0 to 0.4, every other one in the same region.
func crew(t *testing.T, w *world) {
	t.Helper()
	for i := range 5 {
		region := "eu"
		if i%2 == 1 {
			region = "us"
		}
		ln, err := pool.Listen(t.Context(), crowdHandle, &pool.ElementConfig{
			HostConfig: pool.HostConfig{Listen: "127.0.0.1", Registrars: []string{w.Registrar().Address().String()}, Log: slog.New(slog.DiscardHandler)},
			ID:         rserpool.ElementID(i + 1),
			Policy:     rserpool.Policy{Type: rserpool.LeastUsed, Load: rserpool.LoadOf(float64(i) / 10)},
			Tags:       rserpool.Tags{"region": region},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				if _, err := ln.Accept(t.Context()); err != nil {
					return // the test has ended
				}
			}
		}()
	}
}

// chosen opens sessions as a file's user block says, and returns their elements.
func chosen(t *testing.T, w *world, file string, sessions int) []rserpool.ElementID {
	t.Helper()
	w.write("user.hcl", file)
	c, err := config.Load([]string{filepath.Join(w.dir, "user.hcl")}, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	end, err := policies.OpenUser(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	u := c.User.UserConfig
	u.HostConfig.Registrars, u.HostConfig.Log = []string{w.Registrar().Address().String()}, slog.New(slog.NewTextHandler(&w.logs, nil))
	if u.Host, err = pool.NewHost(&u.HostConfig); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(u.Host.Close(), end()); err != nil {
			t.Error(err)
		}
	}()
	var ids []rserpool.ElementID
	for range sessions {
		s, err := pool.Dial(t.Context(), crowdHandle, &u)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.Element())
		s.Close()
	}
	return ids
}

// TestUserSelectsByTheSamePolicy has a registrar and a user select by one script, the
// user from its cache, while the registrar's pool goes by another policy.
func TestUserSelectsByTheSamePolicy(t *testing.T) {
	const sessions = 12
	w := start(t, files(t, ""))
	w.write("rising.lua", rising)
	w.edit("x.hcl", `source = "a.lua"`, `source = "rising.lua"`)
	w.until(`msg="policy is replaced"`)
	crew(t, w)
	// The registrar's choices, one resolution each.
	h, err := pool.NewHost(&pool.HostConfig{Listen: "127.0.0.1", Registrars: []string{w.Registrar().Address().String()}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var want []rserpool.ElementID
	for range sessions {
		r, err := pool.Resolve(t.Context(), h, crowdHandle, 1)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, r.Elements[0].ID)
	}
	if diff := cmp.Diff([]rserpool.ElementID{1, 2, 3, 1, 4, 2, 5, 3, 1, 4, 2, 5}, want); diff != "" {
		t.Fatalf("the registrar's choices (-want +got):\n%s", diff)
	}
	w.edit("x.hcl", `policy   = "lua.a"`, `policy   = "builtin.random"`)
	w.until(`msg="configuration is reloaded" changes=1`)

	const user = `
policy "lua" "rising" {
  source = "rising.lua"
}

user {
  policy     = "lua.rising"
  fallback   = ["builtin.least-used"]
  cache_time = "1m"
`
	for _, tc := range []struct {
		name, more string
		want       []rserpool.ElementID
	}{
		{"as the registrar", "", want},
		{"in its region", `attributes = { region = "us" }`, []rserpool.ElementID{2, 4, 2, 4, 2, 4}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, chosen(t, w, user+"  "+tc.more+"\n}\n", len(tc.want))); diff != "" {
				t.Errorf("the user's choices (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUserFallsBack has a user's policy fail: sessions are opened all the same, and the
// log says why.
func TestUserFallsBack(t *testing.T) {
	w := start(t, files(t, ""))
	crew(t, w)
	w.write("bad.lua", "return { key = function(load) return load + config.nothing end }\n")
	got := chosen(t, w, `
policy "lua" "bad" {
  source = "bad.lua"
}

user {
  policy     = "lua.bad"
  fallback   = ["builtin.least-used"]
  cache_time = "1m"
}
`, 3)
	if diff := cmp.Diff([]rserpool.ElementID{1, 1, 1}, got); diff != "" {
		t.Errorf("the user's choices (-want +got):\n%s", diff)
	}
	w.until(`policy=lua.bad`)
	w.until("bad.lua:1: ")
}
