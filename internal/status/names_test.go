package status

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What alerts and pages say of metrics is worth nothing where these are called
// otherwise.
func TestMetricsThatAreWrittenAboutExist(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	name := regexp.MustCompile(`\brspool_([a-z_]+)`)
	for _, file := range []string{"../../deploy/alerts.yml", "../../docs/operations.md", "../../docs/replication.md", "../../docs/lua-limits.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := name.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s: no metric is named", file)
		}
		for _, m := range found {
			if !strings.Contains(string(source), `metric("`+m[1]+`"`) {
				t.Errorf("%s: there is no metric %s", file, m[0])
			}
		}
	}
}
