package wire

import rserpool "github.com/rspool/rspool"

// OperationError reads an Operation Error parameter (RFC 5354, Section 3.12). One
// without a cause, which the RFC does not allow, reads as an unspecified error;
// of very many causes only the first count.
func (c *Cursor) OperationError() *rserpool.OperationError {
	f := c.enter(OperationError)
	e := new(rserpool.OperationError)
	for c.err == nil && c.end-c.off >= headerLen && len(e.Causes) < maxCauses {
		e.Causes = append(e.Causes, c.cause())
	}
	if len(e.Causes) == 0 {
		e.Causes = []rserpool.Cause{{Code: rserpool.Unspecified}}
	}
	c.off = c.end // what is left is no parameter
	c.leave(f)
	return e
}

// cause reads one error cause. Its information stays undecoded: deployed peers
// leave it out or cut it short.
func (c *Cursor) cause() rserpool.Cause {
	start := c.off
	cause := rserpool.Cause{Code: rserpool.CauseCode(c.Uint16())}
	n := int(c.Uint16())
	if n < headerLen || n > c.end-start {
		c.off = start
		c.fail("holds a cause with an impossible length")
		return rserpool.Cause{}
	}
	cause.Info = append([]byte(nil), c.msg[start+headerLen:start+n]...)
	c.off = start
	c.skip(n)
	return cause
}

// AppendOperationError writes an Operation Error parameter.
func AppendOperationError(b []byte, e *rserpool.OperationError) []byte {
	b, start := begin(b, OperationError)
	for _, cause := range e.Causes {
		var at int
		b, at = begin(b, ParameterType(cause.Code))
		b = finish(append(b, cause.Info...), at)
	}
	return finish(b, start)
}
