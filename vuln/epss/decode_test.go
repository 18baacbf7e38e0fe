package epss_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/epss"
)

const small = "#model_version:v2025.03.14,score_date:2026-11-20T12:55:00+0000\ncve,epss,percentile\nCVE-2021-44228,0.94358,0.99961\nCVE-1999-0001,0.0123,0.7\n"

func Example() {
	scores, err := epss.Decode(context.Background(), "epss.csv", []byte(small), epss.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	finding := vuln.Finding{ID: "CVE-2021-44228"}
	(&vuln.Intelligence{Likelihoods: scores}).Assess(&finding)
	fmt.Println(*finding.EPSS, scores.AsOf.Format(time.DateOnly), scores.Model)
	// Output: 0.94358 2026-11-20 v2025.03.14
}

func pack(t *testing.T, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestForms(t *testing.T) {
	for name, raw := range map[string][]byte{
		"plain":        []byte(small),
		"Windows":      []byte(strings.ReplaceAll(small, "\n", "\r\n")),
		"marked":       []byte("\xef\xbb\xbf" + small),
		"gzip":         pack(t, small),
		"a day":        []byte(strings.Replace(small, "T12:55:00+0000", "", 1)),
		"RFC 3339":     []byte(strings.Replace(small, "+0000", "Z", 1)),
		"no last line": []byte(strings.TrimSuffix(small, "\n")),
	} {
		l, err := epss.Decode(context.Background(), name, raw, epss.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s, ok := l.Find("GHSA-jfh8-c2jp-5v3q", "cve-2021-44228"); !ok || s.Probability != 0.94358 || s.Percentile != 0.99961 {
			t.Errorf("%s: %+v %v", name, s, ok)
		}
		if s, ok := l.Find("CVE-1999-0001", "CVE-2021-44228"); !ok || s.Probability != 0.94358 {
			t.Errorf("%s: of two identifiers the more likely counts, got %+v", name, s)
		}
		if _, ok := l.Find("CVE-1999-00010", "CVE-1999-1", "CVE-1999", "1999-0001", ""); ok || l.Len() != 2 {
			t.Errorf("%s: something that has no score was found", name)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	whole := pack(t, small)
	limits := epss.Limits{MaxBytes: 1 << 20}
	if os.Getenv("COFFERDAM_LONG") != "" {
		limits.MaxBytes = epss.MaxBytes
	}
	bomb := pack(t, small+strings.Repeat("\n", limits.MaxBytes))
	for name, c := range map[string]struct {
		raw  []byte
		kind ident.Kind
		says string
	}{
		"no header":          {[]byte("cve,epss,percentile\nCVE-2021-44228,0.9,0.9\n"), ident.KindUnsupported, "model and date"},
		"nothing":            {nil, ident.KindUnsupported, "model and date"},
		"no date":            {[]byte("#model_version:v1\ncve,epss,percentile\nCVE-2021-44228,0.9,0.9\n"), ident.KindUnsupported, "model and date"},
		"a date of nowhere":  {[]byte(strings.Replace(small, "2026-11-20T", "2026-31-20T", 1)), ident.KindInvalid, "f:1"},
		"other columns":      {[]byte(strings.Replace(small, "cve,epss", "epss,cve", 1)), ident.KindInvalid, "columns"},
		"no row":             {[]byte("#model_version:v1,score_date:2026-01-01\ncve,epss,percentile\n"), ident.KindInvalid, "no scores"},
		"a row cut short":    {[]byte(small + "CVE-2022-1234,0."), ident.KindInvalid, "f:5"},
		"more than one":      {[]byte(small + "CVE-2022-1234,1.1,0.5\n"), ident.KindInvalid, "from 0 to 1"},
		"not a number":       {[]byte(small + "CVE-2022-1234,NaN,0.5\n"), ident.KindInvalid, "from 0 to 1"},
		"another identifier": {[]byte(small + "GHSA-1,0.1,0.5\n"), ident.KindInvalid, "GHSA-1"},
		"two scores":         {[]byte(small + "CVE-2021-44228,0.1,0.5\n"), ident.KindInvalid, "two scores"},
		"gzip cut short":     {whole[:len(whole)-9], ident.KindInvalid, "cut short"},
		"a bomb":             {bomb, ident.KindLimit, fmt.Sprintf("more than %d bytes", limits.MaxBytes)},
	} {
		got, err := epss.Decode(context.Background(), "f", c.raw, limits)
		if err == nil || got != nil || ident.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (kind %v), want kind %v with %q", name, err, ident.KindOf(err), c.kind, c.says)
		}
	}
}

// TestEveryScoreIsFound: the table is a map from identifier to score.
func TestEveryScoreIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]int{}
		var b strings.Builder
		b.WriteString("#model_version:v1,score_date:2026-01-01\ncve,epss,percentile\n")
		for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 99_999_999), 1, 60, rapid.ID).Draw(t, "numbers") {
			id := fmt.Sprintf("CVE-%d-%04d", 1999+n%30, n/30)
			if _, ok := want[id]; ok {
				continue
			}
			want[id] = rapid.IntRange(0, 100_000).Draw(t, "score")
			fmt.Fprintf(&b, "%s,%.5f,%.5f\n", id, float64(want[id])/1e5, float64(want[id])/1e5)
		}
		l, err := epss.Decode(context.Background(), "f", []byte(b.String()), epss.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for id, n := range want {
			if s, ok := l.Find(id); !ok || s.Probability != float64(n)/1e5 || s.Percentile != float64(n)/1e5 {
				t.Fatalf("%s: %+v, want %d", id, s, n)
			}
		}
		if l.Len() != len(want) {
			t.Fatalf("%d scores of %d", l.Len(), len(want))
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("#model_version:,score_date:\ncve,epss,percentile\nCVE-1-2,,\n"))
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write([]byte(small))
	_ = z.Close()
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := epss.Decode(context.Background(), "f", raw, epss.Limits{})
		if (l == nil) == (err == nil) {
			t.Fatalf("scores %v and error %v", l, err)
		}
		if err == nil && (l.Len() == 0 || l.AsOf.IsZero()) {
			t.Fatal("no scores, or of no day")
		}
	})
}
