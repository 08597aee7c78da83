package sessions

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTrips(t *testing.T) {
	var trips Trips
	for _, d := range []time.Duration{2, 4, 4, 4, 5, 5, 7, 9} {
		trips.Add(d * time.Second)
	}
	var moves Moves
	moves.Add(3 * time.Second)
	moves.Add(time.Second)
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"none", Trips{}, `{"count":0,"least_ns":0,"mean_ns":0,"most_ns":0,"deviation_ns":0}`},
		{"eight", trips, `{"count":8,"least_ns":2000000000,"mean_ns":5000000000,"most_ns":9000000000,"deviation_ns":2000000000}`},
		{"moves", moves, `{"count":2,"longest_ns":3000000000}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if b, err := json.Marshal(tt.v); err != nil || string(b) != tt.want {
				t.Errorf("got %s, %v; want %s", b, err, tt.want)
			}
		})
	}
}
