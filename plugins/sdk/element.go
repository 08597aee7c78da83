package sdk

import (
	"time"

	rserpool "github.com/rspool/rspool"
	"github.com/rspool/rspool/plugins/protocol"
)

// Field names values of an Element that a policy may need.
type Field uint8

// The fields.
const (
	Load        Field = Field(protocol.Field_LOAD)        // Load and LoadDPF
	Degradation Field = Field(protocol.Field_DEGRADATION) // Degradation
	Weight      Field = Field(protocol.Field_WEIGHT)      // Weight and WeightDPF
	Priority    Field = Field(protocol.Field_PRIORITY)    // Priority
	Distance    Field = Field(protocol.Field_DISTANCE)    // Distance
	Selections  Field = Field(protocol.Field_SELECTIONS)  // Selections and SelectionsTotal
	Failures    Field = Field(protocol.Field_FAILURES)    // Failures and LastFailure
	Addresses   Field = Field(protocol.Field_ADDRESSES)   // Addresses and Transport
	Tags        Field = Field(protocol.Field_TAGS)        // Tags; implied by Policy.Tags
)

// Element is an element of a pool. Fields that the policy does not need are zero.
type Element struct {
	ID rserpool.ElementID

	Load        float64 // 0 to 1
	Degradation float64 // load that one more selection adds
	Weight      uint32
	Priority    uint32
	LoadDPF     float64 // load added with each millisecond of distance
	WeightDPF   float64 // share of the weight lost with each millisecond of distance
	Distance    time.Duration

	// Selections counts those since the element registered last, SelectionsTotal
	// those since it joined the pool.
	Selections      uint32
	SelectionsTotal uint64
	// Failures counts the reports that the element could not be reached.
	Failures    uint32
	LastFailure time.Time // zero: never

	Addresses []string
	Transport string // "sctp", "tcp", "udp", ...
	// Tags are what the element, or the configuration, says of itself: strings,
	// float64 and bool. It must not be changed.
	Tags map[string]any
}

// Tag returns a tag that is a string, empty where there is none.
func (e *Element) Tag(name string) string {
	s, _ := e.Tags[name].(string)
	return s
}

// NumberTag returns a tag that is a number, and whether there is one.
func (e *Element) NumberTag(name string) (float64, bool) {
	f, ok := e.Tags[name].(float64)
	return f, ok
}

func elementOf(p *protocol.Element) Element {
	e := Element{
		ID:              rserpool.ElementID(p.GetId()),
		Load:            p.GetLoad(),
		Degradation:     p.GetDegradation(),
		Weight:          p.GetWeight(),
		Priority:        p.GetPriority(),
		LoadDPF:         p.GetLoadDpf(),
		WeightDPF:       p.GetWeightDpf(),
		Distance:        time.Duration(p.GetDistance()) * time.Millisecond,
		Selections:      p.GetSelections(),
		SelectionsTotal: p.GetSelectionsTotal(),
		Failures:        p.GetFailures(),
		LastFailure:     instant(p.GetLastFailure()),
		Addresses:       p.GetAddresses(),
		Transport:       p.GetTransport(),
	}
	if tags := p.GetTags(); len(tags) > 0 {
		e.Tags = make(map[string]any, len(tags))
		for name, v := range tags {
			e.Tags[name] = v.AsInterface()
		}
	}
	return e
}

// use takes over what a Usage event says.
func (e *Element) use(u *protocol.Use) {
	e.Selections = u.GetSelections()
	e.SelectionsTotal = u.GetSelectionsTotal()
	e.Failures = u.GetFailures()
	e.LastFailure = instant(u.GetLastFailure())
}

func instant(seconds float64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds * 1e6))
}
