package flow

import (
	"bytes"
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/flow/parquet"
	"github.com/cofferdam-io/cofferdam/ident"
)

func zstdOf(t testing.TB, text string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // it has no stream to end
	return w.EncodeAll([]byte(text), nil)
}

// parquetFile is one of 200 flow records: 18 to 10.0.0.9:5432, refused; 2 without data;
// the others to 10.0.0.2:8443, SYN set.
func parquetFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("parquet/testdata/" + name + ".parquet")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// packed reports whether few bytes may hold many records.
func packed(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0x1f, 0x8b}) || bytes.HasPrefix(data, []byte{0x28, 0xb5, 0x2f, 0xfd}) || parquet.Is(data)
}

func TestZstdOfEveryFormat(t *testing.T) {
	for _, f := range []Format{CSV, AWS, Conntrack, Envoy, Hubble, GCP, NDJSON} {
		text := map[Format]string{NDJSON: `{"src":"shop/web","dst":"10.0.0.2","port":8443}`}[f]
		if text == "" {
			text = string(benchLines(f, 50))
		}
		var answers [2]string
		for i, data := range [][]byte{[]byte(text), zstdOf(t, text)} {
			a := NewAggregator(Options{Book: NewBook(benchEstate(), BookOptions{})})
			if err := a.Read(context.Background(), "x", bytes.NewReader(data), Auto); err != nil {
				t.Fatal(f, err)
			}
			o := a.Observed()
			if o.Records == 0 || o.Sources[0].Format != f {
				t.Fatalf("%s: %d records of %s", f, o.Records, o.Sources[0].Format)
			}
			answers[i] = lines(o)
		}
		if answers[0] != answers[1] {
			t.Errorf("%s: as text\n%s\nas zstd\n%s", f, answers[0], answers[1])
		}
	}
}

// TestParquetIsAsItsText: the same records as text make the same edges.
func TestParquetIsAsItsText(t *testing.T) {
	var want string
	for i, name := range []string{"", "none-v1", "snappy-v1", "gzip-v1", "zstd-v2", "snappy-v2", "deltas-v1", "deltas-v2"} {
		data := []byte(awsText())
		if i > 0 {
			data = parquetFile(t, name)
		}
		a := NewAggregator(Options{Book: NewBook(shop(), BookOptions{})})
		if err := a.Read(context.Background(), "x", bytes.NewReader(data), Auto); err != nil {
			t.Fatal(name, err)
		}
		o := a.Observed()
		got := lines(o) + o.Sources[0].First.Format(time.RFC3339) + o.Sources[0].Last.Format(time.RFC3339)
		if o.Records != 200 || o.Faulty != 0 || o.Sources[0].Format != AWS {
			t.Errorf("%s: %d records, %d faults, %s", name, o.Records, o.Faulty, o.Sources[0].Format)
		}
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%s:\n%s\nas text:\n%s", name, got, want)
		}
	}
}

// awsText is what the files of Parquet hold, as text.
func awsText() string {
	var b strings.Builder
	b.WriteString("srcaddr dstaddr srcport dstport protocol bytes start end action log-status tcp-flags\n")
	for i := range 200 {
		port, start, end := strconv.Itoa(40000+i), strconv.Itoa(1795600000+i), strconv.Itoa(1795600060+i)
		switch {
		case i%10 == 3:
			b.WriteString("10.0.0.1 10.0.0.9 " + port + " 5432 6 " + strconv.Itoa(100+i) + " " + start + " " + end + " REJECT OK 2\n")
		case i%100 == 7:
			b.WriteString("- - - - - - " + start + " " + end + " - NODATA -\n")
		default:
			b.WriteString("10.0.0.1 10.0.0.2 " + port + " 8443 6 " + strconv.Itoa(100+i) + " " + start + " " + end + " ACCEPT OK 2\n")
		}
	}
	return b.String()
}

func TestParquetThatIsNotReadWhole(t *testing.T) {
	read := func(data []byte, format Format, most int64) (*Observed, error) {
		a := NewAggregator(Options{Book: NewBook(shop(), BookOptions{}), MaxBytes: most})
		err := a.Read(context.Background(), "x.parquet", bytes.NewReader(data), format)
		return a.Observed(), err
	}
	whole := parquetFile(t, "snappy-v1")
	if o, err := read(whole, AWS, int64(len(whole))-1); ident.KindOf(err) != ident.KindLimit || o.Sources[0].Truncated == "" {
		t.Errorf("a file above the limit: %v", err)
	}
	small := parquetFile(t, "zstd-v2")
	if o, err := read(small, Auto, int64(len(small))); ident.KindOf(err) != ident.KindLimit || o.Records == 0 || o.Records >= 200 {
		t.Errorf("%d records, whose text is above the limit: %v", o.Records, err)
	}
	if _, err := read(whole[:len(whole)/2], Auto, 0); ident.KindOf(err) != ident.KindInvalid || !strings.Contains(err.Error(), "x.parquet") {
		t.Errorf("half a file: %v", err)
	}
	bad := bytes.Clone(whole)
	bad[100] ^= 0x55
	if o, err := read(bad, Auto, 0); err != nil && o.Sources[0].Truncated == "" {
		t.Errorf("a damaged file: %v", err)
	}
	if o, err := read(whole, CSV, 0); err == nil && o.Records > 0 {
		t.Error("read as CSV")
	}
}

// TestMadeParquetIsItsText holds the files that the benchmark reads against the
// lines that they are made of.
func TestMadeParquetIsItsText(t *testing.T) {
	const n = 6 * benchDistinct
	var answers [2]string
	for i, data := range [][]byte{bytes.Repeat(benchLines(AWS, benchDistinct), n/benchDistinct), packedLines(t, n)} {
		a := NewAggregator(Options{Book: NewBook(benchEstate(), BookOptions{})})
		if err := a.Read(context.Background(), "x", bytes.NewReader(data), Auto); err != nil {
			t.Fatal(err)
		}
		o := a.Observed()
		if o.Records != n || o.Faulty != 0 {
			t.Fatalf("%d records, %d faults: %v", o.Records, o.Faulty, o.Sources[0].Faults)
		}
		answers[i] = lines(o)
	}
	if answers[0] != answers[1] {
		t.Error("the same records are other edges")
	}
}
