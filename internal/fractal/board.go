package fractal

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	rserpool "github.com/rspool/rspool"
)

// A board is the image in the making, and who did what for it. It may be used by
// any number of sessions at once.
type board struct {
	mu        sync.Mutex
	image     *Image
	began     time.Time
	painted   int
	elements  []ElementReport // a painter is an index, plus one
	indices   map[rserpool.ElementID]int
	active    map[int]activity // by tile
	failovers []FailoverReport
	tiles     int // done
	retries   int
	conflicts int
}

// activity is an element's work at a tile.
type activity struct {
	element rserpool.ElementID
	ahead   int // pixels not received from it yet
}

// ElementReport says what one element did for an image.
type ElementReport struct {
	Element rserpool.ElementID `json:"element"`
	// Tiles are those that the element completed, Pixels those in the image that
	// are the element's, and Share their part of the image.
	Tiles  int     `json:"tiles"`
	Pixels int     `json:"pixels"`
	Share  float64 `json:"share"`
	// Failovers counts the sessions that were lost with the element, and Lost the
	// pixels that it had computed and another element had to compute again.
	Failovers int `json:"failovers"`
	Lost      int `json:"lost_pixels"`
	// LongestFailover is the longest of these sessions' interruptions.
	LongestFailover time.Duration `json:"longest_failover_ns"`
	// Working is the number of sessions that the element serves now, and Ahead what
	// one of them, the one that has most, has still to receive, in pixels.
	Working int `json:"-"`
	Ahead   int `json:"-"`
}

// FailoverReport is one failover of one tile's session.
type FailoverReport struct {
	Tile    int                `json:"tile"`
	From    rserpool.ElementID `json:"from"`
	To      rserpool.ElementID `json:"to"`
	Reason  string             `json:"reason"`
	Resumed bool               `json:"resumed"` // with the cookie
	// Interruption is the time from the last message of From to the first of To:
	// it contains the detection of the failure.
	Interruption time.Duration `json:"interruption_ns"`
	// Failover is the part of it from the detection to the association with To.
	Failover time.Duration `json:"failover_ns"`
	Lost     int           `json:"lost_pixels"`
}

// Report says how an image came to be. Elements come in the order of their
// identifiers.
type Report struct {
	Width     uint32           `json:"width"`
	Height    uint32           `json:"height"`
	Tiles     int              `json:"tiles"`
	Elapsed   time.Duration    `json:"elapsed_ns"`
	Elements  []ElementReport  `json:"elements"`
	Failovers []FailoverReport `json:"failovers"`
	// Retries counts tiles that were begun again because their session failed
	// for good, and Lost the pixels that were computed twice.
	Retries int `json:"retries"`
	Lost    int `json:"lost_pixels"`
	// Conflicts counts pixels that two elements computed differently: zero, unless
	// an element does not follow the protocol or rounds in a way of its own.
	Conflicts int `json:"conflicts"`
	// LongestFailover is the longest interruption of a session by a failover.
	LongestFailover time.Duration `json:"longest_failover_ns"`
}

// Progress is how far an image has come.
type Progress struct {
	Pixels, Total int
	Tiles         int // done
	Failovers     int
	Elements      []ElementReport
}

func newBoard(p Parameter) *board {
	return &board{
		image: NewImage(p), began: time.Now(), indices: make(map[rserpool.ElementID]int),
		active: make(map[int]activity), failovers: []FailoverReport{},
	}
}

// of returns the report of an element. The caller holds the lock, and does not
// keep the pointer.
func (b *board) of(id rserpool.ElementID) (*ElementReport, uint16) {
	i, ok := b.indices[id]
	if !ok {
		i = len(b.elements)
		b.indices[id] = i
		b.elements = append(b.elements, ElementReport{Element: id})
	}
	return &b.elements[i], uint16(i + 1)
}

// begin notes that an element works at a tile.
func (b *board) begin(index int, t Tile, id rserpool.ElementID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(id)
	b.active[index] = activity{element: id, ahead: t.pixels()}
}

// end notes that nobody works at a tile any more.
func (b *board) end(index int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.active, index)
}

// paint enters points that an element sent for a tile, and returns how many of them
// were there before. Such a pixel passes to its new painter: the work of the one
// before is lost.
func (b *board) paint(index int, t Tile, d Data, by rserpool.ElementID) (again int, err error) {
	at, total := uint64(d.Y)*uint64(t.Width)+uint64(d.X), uint64(t.Width)*uint64(t.Height)
	if d.X >= t.Width || d.Y >= t.Height || at+uint64(len(d.Points)) > total {
		return 0, fmt.Errorf("%w: %d points at (%d, %d) of an image of %d x %d",
			ErrProtocol, len(d.Points), d.X, d.Y, t.Width, t.Height)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.active[index]; a.element == by {
		b.active[index] = activity{element: by, ahead: t.pixels() - int(at) - len(d.Points)}
	}
	e, painter := b.of(by)
	x, y := t.X+d.X, t.Y+d.Y
	for _, v := range d.Points {
		to := int(y)*int(b.image.Width) + int(x)
		if v > b.image.MaxIterations {
			return again, fmt.Errorf("%w: %d iterations of at most %d", ErrProtocol, v, b.image.MaxIterations)
		}
		if before := b.image.Painters[to]; before == 0 {
			b.painted++
		} else {
			again++
			first := &b.elements[before-1]
			first.Pixels--
			first.Lost++
			if v != b.image.Counts[to] {
				b.conflicts++
			}
		}
		b.image.Counts[to], b.image.Painters[to] = v, painter
		e.Pixels++
		if x++; x == t.X+t.Width {
			x, y = t.X, y+1
		}
	}
	return again, nil
}

// completes counts a tile that an element has ended; an error means that pixels
// are missing.
func (b *board) completes(t Tile, id rserpool.ElementID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	missing := 0
	for y := t.Y; y < t.Y+t.Height; y++ {
		at := int(y)*int(b.image.Width) + int(t.X)
		for _, painter := range b.image.Painters[at : at+int(t.Width)] {
			if painter == 0 {
				missing++
			}
		}
	}
	if missing > 0 {
		return fmt.Errorf("%w: element %s ended an image with %d pixels missing", ErrProtocol, id, missing)
	}
	e, _ := b.of(id)
	e.Tiles++
	b.tiles++
	return nil
}

func (b *board) failedOver(f FailoverReport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failovers = append(b.failovers, f)
	e, _ := b.of(f.From)
	e.Failovers++
	e.LongestFailover = max(e.LongestFailover, f.Interruption)
}

func (b *board) retried() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retries++
}

func (b *board) progress() Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := Progress{
		Pixels: b.painted, Total: len(b.image.Counts), Tiles: b.tiles,
		Failovers: len(b.failovers), Elements: slices.Clone(b.elements),
	}
	for _, a := range b.active {
		e := &p.Elements[b.indices[a.element]]
		e.Working++
		e.Ahead = max(e.Ahead, a.ahead)
	}
	return p
}

// report sums up, and numbers the painters of the image in the order of the
// report's elements.
func (b *board) report() Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := Report{
		Width: b.image.Width, Height: b.image.Height, Tiles: b.tiles, Elapsed: time.Since(b.began),
		Elements: slices.Clone(b.elements), Failovers: slices.Clone(b.failovers), Retries: b.retries, Conflicts: b.conflicts,
	}
	slices.SortFunc(r.Elements, func(x, y ElementReport) int { return cmp.Compare(x.Element, y.Element) })
	painters := make([]uint16, len(r.Elements)+1)
	for i := range r.Elements {
		e := &r.Elements[i]
		painters[b.indices[e.Element]+1] = uint16(i + 1)
		e.Share = float64(e.Pixels) / float64(len(b.image.Counts))
		r.Lost += e.Lost
		r.LongestFailover = max(r.LongestFailover, e.LongestFailover)
		b.indices[e.Element] = i
	}
	for at, painter := range b.image.Painters {
		b.image.Painters[at] = painters[painter]
	}
	b.elements = slices.Clone(r.Elements)
	return r
}
