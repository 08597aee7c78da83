package handlespace

import (
	"maps"

	"github.com/rspool/rspool/engine"
)

// Explain says how the elements come in their order for a request, which gets the
// attributes that the options have for its user. The owners of the members are
// Entries.
func (p *Pool) Explain(r *engine.Request, limit int) engine.Explanation {
	q := *r
	q.Handle = p.handle
	if extra := p.options.Requests.Find(q.UserAddress); q.UserAddress.IsValid() && extra != nil {
		all := maps.Clone(r.Attributes)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, extra)
		q.Attributes = all
	}
	return p.chain.Explain(&q, limit)
}
