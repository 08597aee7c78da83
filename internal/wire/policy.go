package wire

import rserpool "github.com/rspool/rspool"

// Policy reads a Pool Member Selection Policy parameter (RFC 5354, Section 3.8;
// RFC 5356). The values of a type that this module does not know stay undecoded.
func (c *Cursor) Policy() rserpool.Policy {
	f := c.enter(SelectionPolicy)
	p := rserpool.Policy{Type: rserpool.PolicyType(c.Uint32())}
	if p.Type == LUDPFAsPrinted {
		p.Type = rserpool.LeastUsedDPF
	}
	fields, known := p.Type.Fields()
	switch {
	case c.err != nil:
	case p.Type&0x3fffffff == 0 && !p.Type.Private():
		c.fail("type is one of the two invalid ones")
	case !known:
		p.Data = string(c.rest())
	case c.end-c.off != 4*len(fields):
		c.fail("has the wrong length for " + p.Type.String())
	default:
		for _, field := range fields {
			p.SetValue(field, c.Uint32())
		}
	}
	c.leave(f)
	return p
}

// AppendPolicy writes a Pool Member Selection Policy parameter.
func AppendPolicy(b []byte, p *rserpool.Policy) []byte {
	b, start := begin(b, SelectionPolicy)
	b = AppendUint32(b, uint32(p.Type))
	if fields, known := p.Type.Fields(); known {
		for _, field := range fields {
			b = AppendUint32(b, p.Value(field))
		}
	} else {
		b = append(b, p.Data...)
	}
	return finish(b, start)
}
