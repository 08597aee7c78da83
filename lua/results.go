package lua

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the outcome for people.
func (s *Suite) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, r := range s.Results {
		verdict := "ok  "
		if r.Failure != "" {
			verdict = "FAIL"
		}
		fmt.Fprintf(&b, "%s  %s\n", verdict, printable(r.Name, 200))
		if r.Failure != "" {
			fmt.Fprintf(&b, "      %s\n", printable(r.Failure, 1000))
		}
		for _, line := range r.Log {
			fmt.Fprintf(&b, "      log %s\n", line)
		}
	}
	fmt.Fprintf(&b, "%s: %d of %d tests passed, seed %d\n", s.Name, len(s.Results)-s.Failed(), len(s.Results), s.Seed)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteTAP writes the outcomes of several files in the Test Anything Protocol,
// version 13.
func WriteTAP(w io.Writer, suites ...*Suite) error {
	var b strings.Builder
	total := 0
	for _, s := range suites {
		total += len(s.Results)
	}
	fmt.Fprintf(&b, "TAP version 13\n1..%d\n", total)
	n := 0
	for _, s := range suites {
		fmt.Fprintf(&b, "# %s, seed %d\n", s.Name, s.Seed)
		for _, r := range s.Results {
			n++
			name := strings.NewReplacer("#", "", `\`, "").Replace(printable(r.Name, 200))
			if r.Failure == "" {
				fmt.Fprintf(&b, "ok %d - %s\n", n, name)
				continue
			}
			fmt.Fprintf(&b, "not ok %d - %s\n  ---\n  message: %q\n  ...\n", n, name, printable(r.Failure, 1000))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string        `xml:"name,attr"`
	Tests    int           `xml:"tests,attr"`
	Failures int           `xml:"failures,attr"`
	Seed     junitProperty `xml:"properties>property"`
	Cases    []junitCase   `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
}

// WriteJUnit writes the outcomes of several files as JUnit's XML, which most
// systems for continuous integration read.
func WriteJUnit(w io.Writer, suites ...*Suite) error {
	var all junitSuites
	for _, s := range suites {
		j := junitSuite{
			Name:     s.Name,
			Tests:    len(s.Results),
			Failures: s.Failed(),
			Seed:     junitProperty{"seed", fmt.Sprint(s.Seed)},
		}
		for _, r := range s.Results {
			c := junitCase{Class: s.Name, Name: printable(r.Name, 200), Output: strings.Join(r.Log, "\n")}
			if r.Failure != "" {
				c.Failure = &junitFailure{printable(r.Failure, 1000)}
			}
			j.Cases = append(j.Cases, c)
		}
		all.Suites = append(all.Suites, j)
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}
