package kev_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/kev"
)

const small = `{"title":"t","catalogVersion":"2026.01.02","dateReleased":"2026-01-02T03:04:05.6789Z","count":2,"vulnerabilities":[
{"cveID":"CVE-2021-44228","vendorProject":"Apache","product":"Log4j2","vulnerabilityName":"Log4Shell","dateAdded":"2021-12-10","dueDate":"2021-12-24",
 "requiredAction":"patch","knownRansomwareCampaignUse":"Known","notes":"","cwes":["CWE-20"]},
{"cveID":"CVE-2023-44487","vendorProject":"IETF","product":"HTTP/2","dateAdded":"2023-10-10","dueDate":"2023-10-31","knownRansomwareCampaignUse":"Unknown"}]}`

func Example() {
	catalogue, err := kev.Decode(context.Background(), "kev.json", []byte(small))
	if err != nil {
		fmt.Println(err)
		return
	}
	finding := vuln.Finding{ID: "GHSA-jfh8-c2jp-5v3q", Aliases: []string{"CVE-2021-44228"}}
	(&vuln.Intelligence{Exploited: catalogue}).Assess(&finding)
	fmt.Println(finding.KEV, catalogue.Len(), catalogue.Released.Format("2006-01-02"))
	// Output: true 2 2026-01-02
}

func TestDecode(t *testing.T) {
	c, err := kev.Decode(context.Background(), "kev.json", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	got, ok := c.Find("GHSA-x", "cve-2021-44228")
	want := vuln.Exploitation{ID: "CVE-2021-44228", Vendor: "Apache", Product: "Log4j2", Name: "Log4Shell", Action: "patch",
		Added: time.Date(2021, 12, 10, 0, 0, 0, 0, time.UTC), Due: time.Date(2021, 12, 24, 0, 0, 0, 0, time.UTC), Ransomware: true}
	if !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, ok := c.Find("CVE-2021-442280", "CVE-2021-4422"); ok {
		t.Error("an identifier that is near is not the same")
	}
	if c.Version != "2026.01.02" {
		t.Errorf("version %q", c.Version)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		kind ident.Kind
		says string
	}{
		"another document":     {`{"bomFormat":"CycloneDX"}`, ident.KindUnsupported, "no list"},
		"the CSV form":         {"cveID,vendorProject\nCVE-2021-44228,Apache\n", ident.KindUnsupported, "no catalogue"},
		"nothing":              {``, ident.KindUnsupported, "no catalogue"},
		"an empty one":         {`{"vulnerabilities":[]}`, ident.KindInvalid, "empty"},
		"cut short":            {small[:len(small)-2], ident.KindInvalid, "kev.json"},
		"an entry lost":        {strings.Replace(small, `"count":2`, `"count":3`, 1), ident.KindInvalid, "says that it has 3 entries, and has 2"},
		"an entry without id":  {strings.Replace(small, `"cveID":"CVE-2023-44487",`, ``, 1), ident.KindInvalid, "kev.json#/vulnerabilities/1/cveID"},
		"an id that is number": {strings.Replace(small, `"CVE-2023-44487"`, `7`, 1), ident.KindInvalid, "a string"},
		"a date of nowhere":    {strings.Replace(small, `2021-12-10`, `yesterday`, 1), ident.KindInvalid, "is no date"},
		"a name twice":         {strings.Replace(small, `"count":2`, `"count":2,"count":2`, 1), ident.KindInvalid, "count"},
		"a list of nothing":    {`{"vulnerabilities":[null]}`, ident.KindInvalid, "names no vulnerability"},
	} {
		got, err := kev.Decode(context.Background(), "kev.json", []byte(c.text))
		if err == nil || got != nil || ident.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (kind %v), want kind %v with %q", name, err, ident.KindOf(err), c.kind, c.says)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := kev.Decode(ctx, "", []byte(small)); err != context.Canceled { //nolint:errorlint // the context's own
		t.Errorf("a done context: %v", err)
	}
}

func TestRealCatalogue(t *testing.T) {
	dir := os.Getenv("COFFERDAM_DATA")
	if dir == "" {
		t.Skip("COFFERDAM_DATA is not set: the real catalogue is not read")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "vuln", "kev", "known_exploited_vulnerabilities.json"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := kev.Decode(context.Background(), "kev.json", raw)
	if err != nil {
		t.Fatal(err)
	}
	// One line for each entry, after the header: the CSV form of the same catalogue.
	csv, err := os.ReadFile(filepath.Join(dir, "vuln", "kev", "known_exploited_vulnerabilities.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, line := range strings.Split(string(csv), "\n") {
		id, _, _ := strings.Cut(line, ",")
		if !strings.HasPrefix(id, "CVE-") {
			continue
		}
		rows++
		if e, ok := c.Find(id); !ok || e.Added.IsZero() || e.Vendor == "" {
			t.Errorf("%s is not found whole: %+v", id, e)
		}
	}
	if rows != c.Len() || rows < 1000 {
		t.Errorf("%d entries in JSON, %d in CSV", c.Len(), rows)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"vulnerabilities":[{"cveID":null}],"count":1e3}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := kev.Decode(context.Background(), "f", raw)
		if (c == nil) == (err == nil) {
			t.Fatalf("catalogue %v and error %v", c, err)
		}
		if err == nil && c.Len() == 0 {
			t.Fatal("an empty catalogue reads as one in which nothing is exploited")
		}
	})
}
