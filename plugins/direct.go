package plugins

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
	"github.com/rspool/rspool/plugins/protocol"
)

// direct asks the plugin for each selection. That holds the owner up for as long as
// the answer takes, and at most until the deadline: it is for experiments.
type direct struct{ form }

// Choose implements engine.Chooser. An answer that is late is a fault, which the
// next policy of the chain makes up for.
func (d direct) Choose(members []*engine.Member, r *engine.Request, dst []*engine.Member) ([]*engine.Member, error) {
	p := d.pool
	p.mu.Lock()
	l := p.active
	p.mu.Unlock()
	if l == nil {
		return dst, p.error("it is not there")
	}
	deadline := l.session.cfg.DirectDeadline
	ctx, cancel := context.WithTimeout(l.ctx, deadline)
	defer cancel()
	ask := &protocol.Request{Items: uint32(min(r.Items, len(members))), Attributes: r.Attributes}
	if r.UserAddress.IsValid() {
		ask.UserAddress = r.UserAddress.String()
	}
	reply, err := l.session.client.SelectBatch(ctx, &protocol.SelectBatchRequest{Stream: l.id, Requests: []*protocol.Request{ask}})
	switch {
	case status.Code(err) == codes.DeadlineExceeded || errors.Is(ctx.Err(), context.DeadlineExceeded):
		p.count(TooLate, 1)
		return dst, p.error(fmt.Sprintf("it did not answer within %v", deadline))
	case err != nil:
		return dst, p.error(line(status.Convert(err).Message()))
	case len(reply.GetAnswers()) != 1:
		return dst, p.error(fmt.Sprintf("it gave %d answers to one request", len(reply.GetAnswers())))
	}
	return p.members(reply.GetAnswers()[0].GetIds(), int(ask.Items), dst)
}

// members appends the members of these identifiers, as many as there is use for.
func (p *pool) members(ids []uint32, n int, dst []*engine.Member) ([]*engine.Member, error) {
	for _, id := range ids[:min(n, len(ids))] {
		r := p.records[rserpool.ElementID(id)]
		if r == nil {
			p.count(UnknownID, 1)
			return dst, p.error(fmt.Sprintf("it chose %s, who is not in the pool", rserpool.ElementID(id)))
		}
		dst = append(dst, r.member)
	}
	return dst, nil
}
