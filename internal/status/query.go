package status

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	rserpool "github.com/rspool/rspool"
)

// DefaultLimit and MaxLimit bound the elements, and the associations, of one
// answer.
const (
	DefaultLimit = 1000
	MaxLimit     = 10000
)

// Query narrows a snapshot down. The zero value asks for the first page of
// everything. In an address it is written as in
// /status?pool=Echo*&limit=100&associations=50&after=CURSOR.
type Query struct {
	// Pool is a pattern for handles, in which * stands for any bytes and ? for
	// one. If empty, all pools.
	Pool string
	// Limit bounds the elements of the answer. If zero, DefaultLimit; if
	// negative, none.
	Limit int
	// Associations bounds the associations of the answer. If zero, none.
	Associations int
	// After is where the page before ended, in the order of handles and then
	// of identifiers.
	After Cursor
}

// Cursor is a place in the handlespace. The zero value is its beginning.
type Cursor struct {
	Handle  rserpool.Handle
	Element rserpool.ElementID // zero: after all elements of the pool before Handle
}

// MarshalText writes the cursor for use in an address; empty for the zero value.
func (c Cursor) MarshalText() ([]byte, error) {
	if c == (Cursor{}) {
		return nil, nil
	}
	return fmt.Appendf(nil, "%x-%08x", string(c.Handle), uint32(c.Element)), nil
}

// UnmarshalText reads what MarshalText writes.
func (c *Cursor) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*c = Cursor{}
		return nil
	}
	h, id, ok := strings.Cut(string(b), "-")
	handle, err := hex.DecodeString(h)
	n, err2 := strconv.ParseUint(id, 16, 32)
	if !ok || err != nil || err2 != nil || len(handle) > rserpool.MaxHandleLen {
		return fmt.Errorf("cursor %.40q: want the \"next\" of an answer", b)
	}
	*c = Cursor{rserpool.Handle(handle), rserpool.ElementID(n)}
	return nil
}

// ElementLimit is Limit with its default and bounds applied.
func (q Query) ElementLimit() int {
	switch {
	case q.Limit < 0:
		return 0
	case q.Limit == 0:
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

// AssociationLimit is Associations with its bounds applied.
func (q Query) AssociationLimit() int { return min(max(q.Associations, 0), MaxLimit) }

// Values returns the query as an address holds it.
func (q Query) Values() url.Values {
	v := url.Values{}
	if q.Pool != "" {
		v.Set("pool", q.Pool)
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Associations != 0 {
		v.Set("associations", strconv.Itoa(q.Associations))
	}
	if b, _ := q.After.MarshalText(); len(b) > 0 {
		v.Set("after", string(b))
	}
	return v
}

// ParseQuery reads what Values writes and refuses anything else.
func ParseQuery(v url.Values) (Query, error) {
	var q Query
	for name, values := range v {
		if len(values) != 1 {
			return Query{}, fmt.Errorf("query %q: want it once", name)
		}
		var err error
		switch s := values[0]; name {
		case "pool":
			q.Pool = s
		case "limit":
			q.Limit, err = strconv.Atoi(s)
		case "associations":
			q.Associations, err = strconv.Atoi(s)
		case "after":
			err = q.After.UnmarshalText([]byte(s))
		default:
			return Query{}, fmt.Errorf("query %.40q: want pool, limit, associations or after", name)
		}
		if err != nil {
			return Query{}, fmt.Errorf("query %s: %w", name, err)
		}
	}
	return q, nil
}
