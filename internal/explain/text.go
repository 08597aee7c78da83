package explain

import (
	"fmt"
	"io"
	"strings"
)

// rowBytes is the number of bytes shown in a row.
const rowBytes = 8

// row is one line of an explanation.
type row struct {
	offset  int
	bytes   []byte // none: the offset is not shown either
	name    string
	value   string
	meaning string
}

// WriteText writes the summary and what WriteFields writes. It returns the
// writer's error.
func (m *Message) WriteText(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "%s\n\n", m.Summary); err != nil {
		return err
	}
	return m.WriteFields(w)
}

// WriteFields writes a line for each field with its offset, bytes and meaning,
// and the verdict if receivers reject the message. It returns the writer's error.
func (m *Message) WriteFields(w io.Writer) error {
	rows := m.rows(m.Fields, "")
	names, values := 0, 0
	for _, r := range rows {
		names = max(names, len(r.name))
		values = max(values, min(len(r.value), 40))
	}
	var b strings.Builder
	for _, r := range rows {
		line := strings.Repeat(" ", 6)
		if len(r.bytes) > 0 {
			line = fmt.Sprintf("%6d", r.offset)
		}
		line += fmt.Sprintf("  %-*s  ", 3*rowBytes-1, fmt.Sprintf("% x", r.bytes))
		line += fmt.Sprintf("%-*s  %-*s  %s", names, r.name, values, r.value, r.meaning)
		b.WriteString(strings.TrimRight(line, " "))
		b.WriteByte('\n')
	}
	if m.Err != nil {
		fmt.Fprintf(&b, "\nrejected at %v\n", m.Err)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// rows returns the lines for fields and all that is in them.
func (m *Message) rows(fields []Field, indent string) []row {
	var rows []row
	for _, f := range fields {
		b := m.Bytes[f.Offset : f.Offset+f.Length]
		if len(f.Fields) > 0 && f.Fields[0].Length > 0 {
			b = b[:f.Fields[0].Offset-f.Offset] // the header; its values have lines of their own
		}
		first := min(len(b), rowBytes)
		rows = append(rows, row{f.Offset, b[:first], indent + f.Name, f.Value, f.Meaning})
		rows = append(rows, m.rows(f.Fields, indent+"  ")...)
		for i := first; i < len(b); i += rowBytes {
			rows = append(rows, row{offset: f.Offset + i, bytes: b[i:min(i+rowBytes, len(b))]})
		}
	}
	return rows
}
