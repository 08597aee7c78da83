package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// nanoseconds is how the names of durations end in results, which hold them as Go
// does. What is written has seconds instead, as the status and the metrics have:
// printing is the one place that sees all results.
const nanoseconds = "_ns"

// inSeconds rewrites the durations of a JSON text. All else stays as it is.
func inSeconds(text []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out bytes.Buffer
	done := 0 // bytes of text that were looked at
	duration, key := false, false
	var objects []bool // of what is open, whether it is an object
	for {
		token, err := d.Token()
		if token == nil && err != nil {
			break // the end: it was written by an encoder
		}
		piece := text[done:d.InputOffset()]
		done = int(d.InputOffset())
		inObject := len(objects) > 0 && objects[len(objects)-1]
		switch t := token.(type) {
		case json.Delim:
			switch t {
			case '{', '[':
				objects = append(objects, t == '{')
			default:
				objects = objects[:len(objects)-1]
			}
			key = true
		case string:
			if inObject && key {
				if duration = strings.HasSuffix(t, nanoseconds); duration {
					piece = bytes.Replace(piece, []byte(nanoseconds+`"`), []byte(`_seconds"`), 1)
				}
				key = false
				out.Write(piece)
				continue
			}
			key = true
		case json.Number:
			if n, err := t.Int64(); err == nil && duration {
				piece = bytes.Replace(piece, []byte(t), strconv.AppendFloat(nil, float64(n)/1e9, 'f', -1, 64), 1)
			}
			key = true
		default:
			key = true
		}
		duration = false
		out.Write(piece)
	}
	out.Write(text[done:])
	return out.Bytes()
}
