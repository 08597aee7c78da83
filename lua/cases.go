package lua

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	vm "github.com/yuin/gopher-lua"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/engine"
)

// The bounds of tests.
const (
	maxCases    = 1000
	maxMembers  = 1000 // in a case
	maxPicks    = 100_000
	maxAfter    = 366 * 24 * time.Hour
	defaultPick = 1000
)

// epoch is the time of a case that states none, a Monday noon.
var epoch = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// testCase is one entry of tests.
type testCase struct {
	name     string
	elements []caseElement
	expect   []string // nil where nothing is said
	shares   map[string][2]float64
	never    []string
	picks    int
	at       time.Time
	after    time.Duration
	failures []caseFailure
	config   map[string]any // nil for that of the policy
	request  engine.Request
	fault    string
}

// caseElement is an element with the history it is said to have.
type caseElement struct {
	name        string
	element     rserpool.Element
	selections  int
	failures    int
	lastFailure time.Time
}

type caseFailure struct {
	element string
	reason  engine.Reason
}

var (
	caseFields = []string{"name", "elements", "expect", "order", "share", "never", "picks", "at", "after", "fail", "config", "request", "error"}
	// elementFields are those of caseElement.
	elementFields = []string{"id", "load", "degradation", "weight", "priority", "distance", "weight_dpf", "load_dpf",
		"address", "transport", "selections", "failures", "last_failure", "tags"}
	requestNames = []string{"handle", "user_address", "items", "attributes"}
)

// parseCases reads a list of cases.
func parseCases(list *vm.LTable) (cases []testCase, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(caseError)
			if !ok {
				panic(p)
			}
			cases, err = nil, fmt.Errorf("%s", string(e))
		}
	}()
	n := 0
	for k, v := range fields(list) {
		if n++; n > maxCases {
			caseReader{"tests"}.fail("more than %d cases", maxCases)
		}
		r := caseReader{fmt.Sprintf("test %d", n)}
		t, ok := v.(*vm.LTable)
		if _, position := k.(vm.LNumber); !ok || !position {
			r.fail("tests is a list of tables, as in { { name = ..., elements = ..., expect = ... } }")
		}
		if name, ok := t.RawGetString("name").(vm.LString); ok {
			r.where = fmt.Sprintf("test %q", printable(string(name), 80))
		}
		cases = append(cases, r.testCase(t, n))
	}
	return cases, nil
}

func (r caseReader) testCase(t *vm.LTable, n int) testCase {
	r.known(t, caseFields)
	c := testCase{name: r.text(t, "name", fmt.Sprintf("test %d", n)), at: epoch, picks: defaultPick}
	if v, ok := r.optional(t, "at"); ok {
		at, err := time.Parse(time.RFC3339, r.in("at").string(v))
		if err != nil {
			r.fail(`at is %s: it must be a time as in "2026-01-05T21:00:00Z"`, quoted(v))
		}
		c.at = at
	}
	if v, ok := r.optional(t, "after"); ok {
		d, err := time.ParseDuration(r.in("after").string(v))
		if err != nil || d < 0 || d > maxAfter {
			r.fail(`after is %s: it must be a duration of at most a year, as in "30s"`, quoted(v))
		}
		c.after = d
	}
	if _, ok := r.optional(t, "picks"); ok {
		c.picks = int(r.number(t, "picks", 1, maxPicks, defaultPick))
	}
	r.elements(t, &c)
	r.expectations(t, &c)
	if v, ok := r.optional(t, "fail"); ok {
		r.failures(r.table(v, "fail"), &c)
	}
	if v, ok := r.optional(t, "config"); ok {
		config, err := toGo(r.table(v, "config"), 0)
		if err != nil {
			r.fail("config: %s", err)
		}
		c.config, _ = config.(map[string]any)
		if c.config == nil {
			r.fail("config is a list: it must be a table of names and values")
		}
	}
	c.request.Handle = "test"
	if v, ok := r.optional(t, "request"); ok {
		r.request(r.table(v, "request"), &c)
	}
	return c
}

func (r caseReader) elements(t *vm.LTable, c *testCase) {
	v, ok := r.optional(t, "elements")
	if !ok {
		r.fail("elements is missing: list them, as in { { id = \"a\", load = 0.5 } }")
	}
	list := r.table(v, "elements")
	byName := map[string]*vm.LTable{}
	var names []string
	for k, v := range fields(list) {
		e := r.table(v, "elements")
		var name string
		switch k := k.(type) {
		case vm.LNumber:
			name = r.in(fmt.Sprintf("element %s", text(k))).text(e, "id", "")
			if name == "" {
				r.fail("element %s has no id", text(k))
			}
		case vm.LString:
			name = string(k)
		default:
			r.fail("elements is a list of elements, or a table from id to element")
		}
		if byName[name] != nil {
			r.fail("two elements are called %s", quoted(vm.LString(name)))
		}
		byName[name] = e
		names = append(names, name)
		if len(names) > maxMembers {
			r.fail("more than %d elements", maxMembers)
		}
	}
	if list.Len() == 0 {
		slices.Sort(names)
	}
	for i, name := range names {
		c.elements = append(c.elements, r.in("element "+quoted(vm.LString(name))).element(byName[name], name, i))
	}
}

func (r caseReader) element(t *vm.LTable, name string, i int) caseElement {
	r.known(t, elementFields)
	share := func(field string) rserpool.Load { return rserpool.LoadOf(r.number(t, field, 0, 1, 0)) }
	count := func(field string, otherwise float64) uint32 {
		return uint32(r.number(t, field, 0, math.MaxUint32, otherwise))
	}
	e := caseElement{name: name, element: rserpool.Element{
		ID: rserpool.ElementID(i + 1),
		// A type that has a weight, so that the weight given here is it.
		Policy: rserpool.Policy{
			Type:        rserpool.WeightedRandom,
			Load:        share("load"),
			Degradation: share("degradation"),
			Weight:      count("weight", 1),
			Priority:    count("priority", 0),
			Distance:    count("distance", 0),
			WeightDPF:   share("weight_dpf"),
			LoadDPF:     share("load_dpf"),
		},
		UserTransport: rserpool.Transport{Protocol: rserpool.SCTP},
	}}
	if v, ok := r.optional(t, "address"); ok {
		address, err := netip.ParseAddr(r.in("address").string(v))
		if err != nil {
			r.fail("address is %s: it must be an IP address", quoted(v))
		}
		e.element.UserTransport.Addresses = []netip.Addr{address}
	}
	if v, ok := r.optional(t, "transport"); ok {
		e.element.UserTransport.Protocol = r.transport(r.in("transport").string(v))
	}
	e.selections = int(r.number(t, "selections", 0, maxPicks, 0))
	e.failures = int(r.number(t, "failures", 0, maxPicks, 0))
	if at := r.number(t, "last_failure", 0, 1<<40, 0); at > 0 {
		e.lastFailure = time.Unix(0, int64(at*1e9))
		e.failures = max(e.failures, 1)
	}
	if v, ok := r.optional(t, "tags"); ok {
		e.element.Tags = rserpool.Tags{}
		for k, v := range fields(r.table(v, "tags")) {
			name, ok := k.(vm.LString)
			if !ok {
				r.fail("tags has a field without a name")
			}
			switch v := v.(type) {
			case vm.LString:
				e.element.Tags[string(name)] = string(v)
			case vm.LNumber:
				e.element.Tags[string(name)] = float64(v)
			case vm.LBool:
				e.element.Tags[string(name)] = bool(v)
			default:
				r.fail("the tag %s is %s: it must be a string, number or boolean", quoted(name), article(v))
			}
		}
	}
	return e
}

func (r caseReader) transport(name string) rserpool.Protocol {
	var names []string
	for _, p := range []rserpool.Protocol{rserpool.SCTP, rserpool.TCP, rserpool.UDP, rserpool.UDPLite, rserpool.DCCP, rserpool.Opaque} {
		if p.String() == name {
			return p
		}
		names = append(names, p.String())
	}
	r.fail("transport is %q: it must be one of %s", printable(name, 40), strings.Join(names, ", "))
	return 0
}

func (r caseReader) expectations(t *vm.LTable, c *testCase) {
	said := 0
	for _, field := range []string{"expect", "order"} {
		v, ok := r.optional(t, field)
		if !ok {
			continue
		}
		if said++; field == "order" {
			r.table(v, field)
		}
		c.expect = r.ids(v, field, c)
	}
	if said > 1 {
		r.fail("expect and order mean the same: give one")
	}
	if v, ok := r.optional(t, "never"); ok {
		said++
		c.never = r.ids(v, "never", c)
	}
	if v, ok := r.optional(t, "share"); ok {
		said++
		c.shares = map[string][2]float64{}
		for k, v := range fields(r.table(v, "share")) {
			id := r.ids(k, "share", c)[0]
			bounds := r.table(v, "share")
			low, ok1 := bounds.RawGetInt(1).(vm.LNumber)
			high, ok2 := bounds.RawGetInt(2).(vm.LNumber)
			if !ok1 || !ok2 || bounds.Len() != 2 || !(low >= 0 && low <= high && high <= 1) {
				r.fail("the share of %s must be two numbers from 0 to 1, as in { 0.4, 0.6 }", quoted(k))
			}
			c.shares[id] = [2]float64{float64(low), float64(high)}
		}
	}
	if v, ok := r.optional(t, "error"); ok {
		said++
		c.fault = r.in("error").string(v)
	}
	if said == 0 {
		r.fail("nothing is expected: give one of expect, order, share, never, error")
	}
}

// ids reads an id or a list of them, which have to be elements of the case.
func (r caseReader) ids(v vm.LValue, field string, c *testCase) []string {
	list := []string{}
	add := func(v vm.LValue) {
		id := r.in(field).string(v)
		if !slices.ContainsFunc(c.elements, func(e caseElement) bool { return e.name == id }) {
			r.fail("%s names %s, which is none of the elements", field, quoted(v))
		}
		list = append(list, id)
	}
	if t, ok := v.(*vm.LTable); ok {
		for _, v := range fields(t) {
			add(v)
		}
	} else {
		add(v)
	}
	return list
}

func (r caseReader) failures(t *vm.LTable, c *testCase) {
	for _, v := range fields(t) {
		pair := r.table(v, "fail")
		id := r.ids(pair.RawGetInt(1), "fail", c)[0]
		f := caseFailure{element: id}
		if v := pair.RawGetInt(2); v != vm.LNil {
			name := r.in("fail").string(v)
			found := false
			for reason := engine.Unreachable; reason <= engine.Expired; reason++ {
				if reason.String() == name {
					f.reason, found = reason, true
				}
			}
			if !found {
				r.fail(`fail has the reason %s: it must be "unreachable", "keepalive", "association" or "expired"`, quoted(v))
			}
		}
		c.failures = append(c.failures, f)
	}
}

func (r caseReader) request(t *vm.LTable, c *testCase) {
	r = r.in("request")
	r.known(t, requestNames)
	c.request.Handle = rserpool.Handle(r.text(t, "handle", "test"))
	c.request.Items = int(r.number(t, "items", 1, maxMembers, 0))
	if v, ok := r.optional(t, "user_address"); ok {
		address, err := netip.ParseAddr(r.string(v))
		if err != nil {
			r.fail("user_address is %s: it must be an IP address", quoted(v))
		}
		c.request.UserAddress = address
	}
	if v, ok := r.optional(t, "attributes"); ok {
		c.request.Attributes = map[string]string{}
		for k, v := range fields(r.table(v, "attributes")) {
			c.request.Attributes[text(k)] = r.in("attributes").string(v)
		}
	}
}

// sortedShares returns the names of shares in order.
func (c *testCase) sortedShares() []string { return slices.Sorted(maps.Keys(c.shares)) }
