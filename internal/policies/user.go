package policies

import (
	"context"
	"log/slog"

	"github.com/rspool/rspool/config"
	"github.com/rspool/rspool/engine"
)

// OpenUser puts the policies to work that the user block of c refers to, and sets the
// policy of the user. Call close when the user is gone. Nothing is opened where the
// block names no policy.
func OpenUser(ctx context.Context, c *config.Config, log *slog.Logger) (close func() error, err error) {
	u := &c.User
	if u.PolicyName == "" {
		return func() error { return nil }, nil
	}
	names := append([]string{u.PolicyName}, u.Fallback...)
	set, err := Open(ctx, c.Only(names...), log)
	if err != nil {
		return nil, err
	}
	chain := &engine.ChainConfig{}
	for _, n := range names {
		p, err := set.registry.Find(n)
		if err != nil {
			_ = set.Close() // the first error counts
			return nil, err
		}
		chain.Policies = append(chain.Policies, p)
	}
	u.UserConfig.Policy = chain
	return set.Close, nil
}
