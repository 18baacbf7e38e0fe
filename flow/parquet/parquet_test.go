package parquet_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/flow/parquet"
	"github.com/cofferdam-io/cofferdam/ident"
)

func Example() {
	data, err := os.ReadFile("testdata/snappy-v2.parquet")
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := parquet.Open(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	rows := 0
	err = f.Rows(context.Background(), []string{"srcaddr", "srcport", "nowhere"}, func(row []parquet.Value) error {
		if rows++; rows < 3 {
			fmt.Println(row[0].Text(), row[1].Text(), row[2].Null())
		}
		return nil
	})
	fmt.Println(rows, err)
	// Output:
	// 10.0.0.1 40000 true
	// 10.0.0.1 40001 true
	// 200 <nil>
}

// files are those that parquet-go wrote: 200 rows each, of row.
func files(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(names) != 7 {
		t.Fatal(names, err)
	}
	out := make(map[string][]byte)
	for _, n := range names {
		if out[filepath.Base(n)], err = os.ReadFile(n); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

var columns = []string{"srcaddr", "dstaddr", "srcport", "dstport", "protocol", "bytes", "start", "end", "action", "log_status", "tcp_flags"}

// row is what stands in row i of every file, by columns.
func row(i int) string {
	dst, port, action := "10.0.0.2", 8443, "ACCEPT"
	switch {
	case i%10 == 3:
		dst, port, action = "10.0.0.9", 5432, "REJECT"
	case i%100 == 7:
		return fmt.Sprint("- - - - - - ", 1795600000+i, " ", 1795600060+i, " - NODATA -")
	}
	return fmt.Sprint("10.0.0.1 ", dst, " ", 40000+i, " ", port, " 6 ", 100+i, " ", 1795600000+i, " ", 1795600060+i, " ", action, " OK 2")
}

func rows(data []byte, columns []string) (out []string, err error) {
	f, err := parquet.Open(data)
	if err != nil {
		return nil, err
	}
	err = f.Rows(context.Background(), columns, func(row []parquet.Value) error {
		fields := make([]string, len(row))
		for i := range row {
			if fields[i] = row[i].Text(); row[i].Null() {
				fields[i] = "-"
			}
		}
		out = append(out, strings.Join(fields, " "))
		return nil
	})
	return out, err
}

func TestEveryRowOfEveryFile(t *testing.T) {
	for name, data := range files(t) {
		got, err := rows(data, columns)
		if err != nil || len(got) != 200 {
			t.Errorf("%s: %d rows, %v", name, len(got), err)
			continue
		}
		for i, r := range got {
			if r != row(i) {
				t.Errorf("%s: row %d is %s, want %s", name, i, r, row(i))
				break
			}
		}
	}
}

func TestWhatIsNoColumnOfPlainValues(t *testing.T) {
	for name, data := range files(t) {
		if _, err := rows(data, []string{"tags"}); ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("%s: a list: %v", name, err)
		}
	}
}

// TestDamage changes and cuts real files everywhere: each is read, or refused, and
// rows that are handed out are never more than the file says.
func TestDamage(t *testing.T) {
	for name, data := range files(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := bytes.Clone(data)
			for at := 0; at < len(data); at += 7 {
				bad[at] ^= byte(1 + at%255) //nolint:gosec // below 256
				if err := readAll(bad); err != nil && !understood(err) {
					t.Errorf("byte %d: %v", at, err)
				}
				bad[at] = data[at]
				if err := readAll(data[:at]); err == nil {
					t.Errorf("cut at %d and read", at)
				}
			}
			if !bytes.Equal(bad, data) {
				t.Error("reading changed the file")
			}
		})
	}
}

// readAll reads every byte of every value as rows does, and keeps none of them.
func readAll(data []byte) error {
	f, err := parquet.Open(data)
	if err != nil {
		return err
	}
	scratch, line := make([]byte, 0, 20), make([]byte, 0, 1<<10)
	return f.Rows(context.Background(), columns, func(row []parquet.Value) error {
		line = line[:0]
		for i := range row {
			line = append(line, row[i].Bytes(scratch)...)
		}
		return nil
	})
}

func understood(err error) bool {
	var known *ident.Error
	return errors.As(err, &known)
}

// TestClaims: what a file says of its sizes costs nothing before it is believed.
func TestClaims(t *testing.T) {
	list := func(kind byte, n uint64) []byte { return binary.AppendUvarint([]byte{0xf0 | kind}, n) }
	for name, footer := range map[string][]byte{
		"nothing":               {},
		"no end":                {0x19},
		"a list of 2^60":        append([]byte{0x29}, list(12, 1<<60)...),
		"a text of 2^60":        append([]byte{0x68}, binary.AppendUvarint(nil, 1<<60)...),
		"structures within":     bytes.Repeat([]byte{0x1c}, 1000),
		"lists within":          append([]byte{0x19}, bytes.Repeat([]byte{0x19}, 1000)...),
		"a million row groups":  append(append([]byte{0x49}, list(12, 1<<20)...), make([]byte, 1<<20+1)...),
		"a million columns":     append(append([]byte{0x29}, list(12, 1<<20)...), make([]byte, 1<<20+1)...),
		"rows without end":      append(append([]byte{0x49, 0x1c, 0x36}, binary.AppendUvarint(nil, 1<<62)...), 0, 0),
		"a type that is not":    {0x1e, 0},
		"fewer rows than none":  {0x49, 0x1c, 0x36, 0x01, 0, 0},
		"a map of 2^40 nothing": append([]byte{0x1b}, binary.AppendUvarint(nil, 1<<40)...),
	} {
		data := append([]byte("PAR1"), footer...)
		data = append(binary.LittleEndian.AppendUint32(data, uint32(len(footer))), "PAR1"...) //nolint:gosec // short
		if got, err := rows(data, columns); len(got) > 0 || err == nil || !understood(err) {
			t.Errorf("%s: %d rows, %v", name, len(got), err)
		}
	}
	for _, data := range []string{"", "PAR1", "PAR1PAR1", "PAR1\xff\xff\xff\xffPAR1", "PAR1\x00\x00\x00\x7fPAR1", "PAR1....PARE"} {
		if _, err := parquet.Open([]byte(data)); !understood(err) {
			t.Errorf("%q: %v", data, err)
		}
	}
}

func FuzzRows(f *testing.F) {
	for _, data := range files(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parquet.Open(data)
		if err != nil {
			if !understood(err) {
				t.Fatal(err)
			}
			return
		}
		stop := errors.New("enough")
		n := 0
		err = file.Rows(context.Background(), columns, func(row []parquet.Value) error {
			if n++; n > 100_000 {
				return stop
			}
			for i := range row {
				_ = row[i].Text()
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) && !understood(err) {
			t.Fatal(err)
		}
	})
}
