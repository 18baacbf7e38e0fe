package flow

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// maxTenures bounds a file of addresses: a cluster of 10,000 pods that are all
// replaced every day for a hundred days.
const maxTenures = 1 << 20

// ReadAddresses reads who had which address when, for BookOptions.History: CSV
// with the headings address, from, until and owner in any order. from and until
// are of RFC 3339 and may be empty; owner is [cluster:]ns/Kind/name or ns/name.
// A line that cannot be read is a fault and costs only itself; more than a
// million lines are an error.
func ReadAddresses(name string, r io.Reader) ([]Tenure, []Fault, error) {
	const longest = 4 << 10
	br := bufio.NewReaderSize(r, longest)
	var out []Tenure
	var faults []Fault
	at := map[string]int{}
	columns := 0
	ended := false
	for line := uint64(1); !ended; line++ {
		b, err := br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, nil, ident.Errorf(ident.KindLimit, "line %d is longer than %d bytes", line, longest).At(name)
		}
		if ended = errors.Is(err, io.EOF); err != nil && !ended {
			return nil, nil, ident.Errorf(ident.KindFailure, "reading: %w", err).At(name)
		}
		if line == 1 {
			b = bytes.TrimPrefix(b, []byte("\uFEFF"))
		}
		switch text := string(trim(b)); {
		case text == "" || text[0] == '#':
		case columns == 0:
			for i, c := range strings.Split(text, ",") {
				at[string(columnName([]byte(c)))] = i
				columns = i + 1
			}
			for _, need := range []string{"address", "owner"} {
				if _, ok := at[need]; !ok {
					return nil, nil, ident.Errorf(ident.KindInvalid, "the first line names no column %s", need).At(name).
						WithHint("the headings are address,from,until,owner")
				}
			}
		default:
			t, why := tenureFrom(strings.Split(text, ","), at, columns)
			switch {
			case why != "" && len(faults) < maxTenures:
				faults = append(faults, Fault{Line: line, Reason: why})
			case len(out) == maxTenures || why != "":
				return nil, nil, ident.Errorf(ident.KindLimit, "holds more than %d lines", maxTenures).At(name)
			default:
				out = append(out, t)
			}
		}
	}
	return out, faults, nil
}

func tenureFrom(f []string, at map[string]int, columns int) (Tenure, string) {
	if len(f) != columns {
		return Tenure{}, "a line of another number of columns than the headings"
	}
	get := func(name string) string {
		if i, ok := at[name]; ok {
			return strings.Trim(strings.TrimSpace(f[i]), `"`)
		}
		return ""
	}
	var t Tenure
	var err error
	if t.Address, err = netip.ParseAddr(get("address")); err != nil {
		return t, "address: " + clip([]byte(get("address"))) + " is no address"
	}
	t.Address = plain(t.Address)
	for _, x := range []struct {
		name string
		to   *time.Time
	}{{"from", &t.From}, {"until", &t.Until}} {
		if v := get(x.name); v != "" {
			nano, ok := parseTime([]byte(v))
			if !ok || nano < firstSecond*1e9 || nano >= lastSecond*1e9 {
				return t, x.name + ": " + clip([]byte(v)) + " is no time of RFC 3339"
			}
			*x.to = timeOf(nano)
		}
	}
	if !t.From.IsZero() && !t.Until.IsZero() && !t.From.Before(t.Until) {
		return t, "until is not after from"
	}
	if t.Owner, err = ident.ParseRef(get("owner")); err != nil || t.Owner.IsCIDR() {
		return t, "owner: " + clip([]byte(get("owner"))) + " is not ns/Kind/name"
	}
	return t, ""
}
