package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestAggregateAgreesWithNaive adds random AWS records up twice: by the
// Aggregator, and by the rules of docs/flows.md word for word over a list.
func TestAggregateAgreesWithNaive(t *testing.T) {
	book := NewBook(shop(), BookOptions{})
	owner := map[string]string{"10.0.0.1": "web", "10.0.0.2": "api", "10.0.0.3": "db", "10.0.0.4": "cache-a"}
	listens := map[string]uint16{"web": 8080, "api": 8443, "db": 5432, "cache-a": 6379}
	alsoDB := uint16(5433) // a Service's target
	addrs := append(slices.Sorted(maps.Keys(owner)), "192.168.1.1", "10.200.0.1", "93.184.216.34")
	ports := []uint16{8080, 8443, 5432, 5433, 6379, 40000, 40001}
	type key struct {
		src, dst string
		port     uint16
	}
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		want := map[key]*Edge{}
		elsewhere := uint64(0)
		text.WriteString("srcaddr dstaddr srcport dstport protocol bytes action tcp-flags start end\n")
		n := rapid.IntRange(1, 60).Draw(t, "n")
		for range n {
			src, dst := rapid.SampledFrom(addrs).Draw(t, "src"), rapid.SampledFrom(addrs).Draw(t, "dst")
			sport, dport := rapid.SampledFrom(ports).Draw(t, "sport"), rapid.SampledFrom(ports).Draw(t, "dport")
			flags := rapid.SampledFrom([]int{0, 1, 2, 3, 4, 18, 19}).Draw(t, "flags")
			action := rapid.SampledFrom([]string{"ACCEPT", "REJECT"}).Draw(t, "action")
			size := rapid.Uint64Range(0, 9).Draw(t, "bytes")
			start := 1795600000 + rapid.Int64Range(0, 1000).Draw(t, "start")
			fmt.Fprintf(&text, "%s %s %d %d 6 %d %s %d %d %d\n", src, dst, sport, dport, size, action, flags, start, start+5)

			serves := func(ip string, port uint16) bool {
				w := owner[ip]
				return w != "" && (listens[w] == port || w == "db" && port == alsoDB)
			}
			reply, stated := false, flags&2 != 0
			switch s, d := serves(src, sport), serves(dst, dport); {
			case stated:
				reply = flags&16 != 0
			case s && !d:
				reply = true
			case d && !s:
			default:
				reply = sport < dport
			}
			if reply {
				src, dst, dport = dst, src, sport
			}
			if owner[src] == "" && owner[dst] == "" {
				elsewhere++
				continue
			}
			name := func(ip string) string {
				if w := owner[ip]; w != "" {
					return "shop/Deployment/" + w
				}
				return ip + "/32"
			}
			k := key{name(src), name(dst), dport}
			e := want[k]
			if e == nil {
				e = &Edge{Guessed: true, First: time.Unix(start, 0).UTC()}
				want[k] = e
			}
			if reply {
				e.Replies++
			} else {
				e.Count++
			}
			if action == "REJECT" {
				e.Refused++
			}
			e.Bytes += size
			e.Guessed = e.Guessed && !stated
			if at := time.Unix(start, 0).UTC(); at.Before(e.First) {
				e.First = at
			}
			if at := time.Unix(start+5, 0).UTC(); at.After(e.Last) {
				e.Last = at
			}
		}
		a := NewAggregator(Options{Book: book})
		// In pieces, as pipes hand it over.
		if err := a.Read(context.Background(), "t", iotest.HalfReader(strings.NewReader(text.String())), Auto); err != nil {
			t.Fatal(err)
		}
		o := a.Observed()
		if o.Records != uint64(n) || o.Faulty != 0 || len(o.Edges) != len(want) {
			t.Fatalf("%d records, %d edges of %d\n%s\n%s", o.Records, len(o.Edges), len(want), text.String(), lines(o))
		}
		if elsewhere > 0 && o.Ignored[0].Count != elsewhere {
			t.Fatalf("ignored %v, want %d", o.Ignored, elsewhere)
		}
		for _, e := range o.Edges {
			w := want[key{e.Src.String(), e.Dst.String(), e.Port}]
			if w == nil || w.Count != e.Count || w.Replies != e.Replies || w.Refused != e.Refused || w.Bytes != e.Bytes || w.Guessed != e.Guessed ||
				!w.First.Equal(e.First) || !w.Last.Equal(e.Last) {
				t.Fatalf("%+v\nwant %+v\n%s", e, w, text.String())
			}
			if got := o.Seen(e.Src, e.Dst); !slices.Contains(got, e) {
				t.Fatalf("Seen(%s, %s) = %v", e.Src, e.Dst, got)
			}
			if !slices.Contains(o.Out(e.Src), e) || !slices.Contains(o.In(e.Dst), e) {
				t.Fatalf("%v is not found by its ends", e)
			}
		}
		for _, e := range o.Edges { // and nothing else is found
			for _, f := range o.In(e.Dst) {
				if f.Dst != e.Dst {
					t.Fatalf("In(%s) has %v", e.Dst, f)
				}
			}
			for _, f := range o.Out(e.Src) {
				if f.Src != e.Src {
					t.Fatalf("Out(%s) has %v", e.Src, f)
				}
			}
		}
	})
}

func TestSketchKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, exact, total := newSketch(), map[int32]uint64{}, uint64(0)
		many := rapid.IntRange(sketchSize/2, 3*sketchSize).Draw(t, "keys")
		seed := rapid.Uint64().Draw(t, "seed")
		for i := range 4 * sketchSize {
			seed = seed*6364136223846793005 + 1442695040888963407
			k := int32(seed >> 33 % uint64(many))
			if i%3 == 0 {
				k = int32(i / 3 % 5) // five are frequent
			}
			s.add(unplacedKey{name: k}, 1)
			exact[k]++
			total++
		}
		kept := map[int32]bool{}
		for _, x := range s.slots {
			kept[x.key.name] = true
			if n := exact[x.key.name]; n > x.count || x.count-x.over > n {
				t.Fatalf("%d counted %d (over %d), is %d", x.key.name, x.count, x.over, n)
			}
		}
		for k, n := range exact {
			if n > total/sketchSize && !kept[k] {
				t.Fatalf("%d with %d of %d was lost", k, n, total)
			}
		}
		top := s.top()
		for i := 1; i < len(top); i++ {
			if top[i].count > top[i-1].count {
				t.Fatal("not sorted")
			}
		}
	})
}

func TestLimitsAreStatedAndNeverSilent(t *testing.T) {
	book := NewBook(shop(), BookOptions{})
	var text strings.Builder
	text.WriteString("src,dst,port\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "shop/web,93.184.%d.%d,443\n10.9.%d.%d,shop/web,8080\nother/n%d,shop/api,1\n", i>>8, i&255, i>>8, i&255, i)
	}
	o := read(t, Options{Book: book, MaxPeers: 10, MaxNames: 5}, CSV, text.String())
	if o.Records != 3000 || o.Lost != 0 {
		t.Fatalf("%+v", o)
	}
	sum, folded := uint64(0), map[string]uint64{}
	for _, e := range o.Edges {
		sum += e.Count
		if e.Folded {
			folded[e.Src.String()+">"+e.Dst.String()] = e.Count
		}
	}
	if sum != 3000 || len(o.Edges) != 11+11+6 || folded["shop/Deployment/web>internet"] != 990 || folded["10.0.0.0/8>shop/Deployment/web"] != 990 {
		t.Errorf("%d of 3000, folded %v, %d edges", sum, folded, len(o.Edges))
	}
	web := deployment("shop", "web")
	// Four of the ten addresses that are kept, and the range that stands for the rest.
	if got := o.Within(web, netip.MustParsePrefix("93.184.0.0/30"), true); len(got) != 5 || !slices.ContainsFunc(got, func(e Edge) bool { return e.Dst.CIDR == ident.Internet }) {
		t.Errorf("within: %v", got)
	}
	if got := o.Within(web, netip.MustParsePrefix("10.9.0.0/31"), false); len(got) != 3 {
		t.Errorf("within, inwards: %v", got)
	}
	o = read(t, Options{Book: book, MaxEdges: 10}, CSV, text.String())
	if len(o.Edges) != 10 || o.Lost == 0 || !strings.Contains(strings.Join(o.Incomplete(), ";"), "beyond the limit") {
		t.Errorf("%d edges, lost %d: %v", len(o.Edges), o.Lost, o.Incomplete())
	}
	o = read(t, Options{Book: book, MaxAddresses: 7}, CSV, text.String())
	sum = 0
	for _, e := range o.Edges {
		sum += e.Count
	}
	if sum != 3000 {
		t.Errorf("%d of 3000 with few addresses", sum)
	}
	o = read(t, Options{Book: book}, CSV, fmt.Sprintf("src,dst,port,count\nshop/web,shop/api,1,%d\nshop/web,shop/api,1,5\n", uint64(math.MaxUint64)))
	if e := o.Edges[0]; e.Count != math.MaxUint64 || !e.Clamped {
		t.Errorf("%+v", e)
	}
}

func TestBadInputCostsOnlyItself(t *testing.T) {
	book := NewBook(shop(), BookOptions{})
	good := "2026-11-20T10:00:00Z,shop/web,shop/api,8443\n"
	long := strings.Repeat("x", 3<<20)
	o := read(t, Options{Book: book, MaxFaults: 3}, CSV, "time,src,dst,port\n"+good+long+"\n"+good+"\x00\x00\n\xff\xfe\n{}\n"+good+"2026-11-20T10:00:00Z,shop/web,shop/ap")
	s := o.Sources[0]
	if o.Edges[0].Count != 3 || s.Faulty != 5 || len(s.Faults) != 3 || s.Faults[0].Line != 3 || !s.Unterminated {
		t.Errorf("%+v\n%s", s, lines(o))
	}
	// The same in JSON, in an array.
	value := `{"src":"shop/web","dst":"shop/api","port":8443}`
	o = read(t, Options{Book: book}, NDJSON, "[\n"+value+",\n{\"x\":\""+long+"\"},"+value+", nonsense ,{\"src\":1e5},"+value+"]\n"+value+"{\"src\":")
	if o.Edges[0].Count != 4 || o.Sources[0].Faulty != 4 {
		t.Errorf("%s", lines(o))
	}
	// Deep nesting ends at the limit of depth.
	o = read(t, Options{Book: book}, NDJSON, value+"\n{\"a\":"+strings.Repeat("[", 100000)+"\n"+value+"\n")
	if o.Edges[0].Count != 2 || o.Sources[0].Faulty != 1 {
		t.Errorf("%s", lines(o))
	}
}

func TestReadersThatFail(t *testing.T) {
	book := NewBook(shop(), BookOptions{})
	text := "src,dst,port\nshop/web,shop/api,8443\nshop/web,shop/api,84"
	a := NewAggregator(Options{Book: book})
	broken := errors.New("the disk is gone")
	err := a.Read(context.Background(), "x", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), CSV)
	o := a.Observed()
	if !errors.Is(err, broken) || o.Edges[0].Count != 1 || o.Edges[0].Port != 8443 || o.Sources[0].Truncated == "" || len(o.Incomplete()) != 2 {
		t.Errorf("%v %s %v", err, lines(o), o.Incomplete())
	}
	a = NewAggregator(Options{Book: book, MaxBytes: 40})
	err = a.Read(context.Background(), "x", strings.NewReader(text), CSV)
	if ident.KindOf(err) != ident.KindLimit || a.Observed().Sources[0].Truncated == "" {
		t.Error(err)
	}
	a = NewAggregator(Options{Book: book, MaxBytes: int64(len(text))})
	if err := a.Read(context.Background(), "x", strings.NewReader(text), CSV); err != nil {
		t.Error("exactly at the limit:", err)
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Read(gone, "x", strings.NewReader(text), CSV); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, bad := range []string{"PAR1\x15\x04", "\x28\xb5\x2f\xfd..", "hello\nworld\n", "\x1f\x8bnot gzip", "<?xml version=\"1.0\"?>", `{"kind":"Pod"}`} {
		a := NewAggregator(Options{Book: book})
		err := a.Read(context.Background(), "x", strings.NewReader(bad), Auto)
		if k := ident.KindOf(err); err == nil || k != ident.KindUnsupported && k != ident.KindInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	o = read(t, Options{Book: book}, Auto, " \n\n")
	if o.Records != 0 || len(o.Sources) != 1 {
		t.Errorf("%+v", o)
	}
}

func TestCoverageAndGaps(t *testing.T) {
	book := NewBook(shop(), BookOptions{})
	o := read(t, Options{Book: book}, CSV, `time,until,src,dst,port,verdict
2026-11-01T10:00:00Z,,shop/web,shop/api,8443,
2026-11-01T10:30:00Z,2026-11-01T15:30:00Z,shop/web,shop/api,8443,
2026-11-03T10:00:00Z,,shop/api,internet,443,
2026-11-03T10:00:00Z,,shop/db,shop/web,8080,refused
`)
	if want := []Gap{{at("2026-11-01T16:00:00Z"), at("2026-11-03T10:00:00Z")}}; !slices.Equal(o.Gaps, want) {
		t.Errorf("gaps %v", o.Gaps)
	}
	var all []ident.Ref
	for _, n := range []string{"api", "db", "web", "cache-a"} {
		all = append(all, deployment("shop", n))
	}
	c := o.Coverage(all, at("2026-11-17T10:00:00Z"))
	if c.Age != 14*24*time.Hour || c.Window != 48*time.Hour || c.Future {
		t.Errorf("age %s, window %s", c.Age, c.Window)
	}
	if !slices.Equal(c.Silent, all[3:]) || !slices.Equal(c.NeverOpened, []ident.Ref{all[1]}) || !slices.Equal(c.NeverServed, []ident.Ref{all[2]}) {
		t.Errorf("silent %v, never opened %v, never served %v", c.Silent, c.NeverOpened, c.NeverServed)
	}
	if w := c.Watched[0]; !w.First.Equal(at("2026-11-01T10:00:00Z")) || !w.Last.Equal(at("2026-11-03T10:00:00Z")) {
		t.Errorf("%+v", w)
	}
	if early := o.Coverage(all, at("2026-11-02T10:00:00Z")); !early.Future || early.Age != 0 {
		t.Errorf("%+v", early)
	}
	db, web := deployment("shop", "db"), deployment("shop", "web")
	if es := o.Between(db, web, segment.Conn{Protocol: segment.TCP, From: 8000, To: 9000}); len(es) != 1 || !es[0].Dropped() {
		t.Errorf("%v", es)
	}
	if es := o.Between(db, web, segment.Conn{Protocol: segment.UDP, From: 1, To: 65535}); len(es) != 0 {
		t.Errorf("%v", es)
	}
	if empty := new(Observed).Coverage(all, at("2026-11-17T10:00:00Z")); len(empty.Silent) != 4 || empty.Age != 0 {
		t.Errorf("%+v", empty)
	}
}

func TestTimesAgreeWithTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nano := rapid.Int64Range(firstSecond*1e9, lastSecond*1e9-1).Draw(t, "nano")
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "zone"))
		text := time.Unix(0, nano).In(zone).Format(time.RFC3339Nano)
		if got, ok := parseTime([]byte(text)); !ok || got != nano {
			t.Fatalf("%s: %d %t, want %d", text, got, ok, nano)
		}
	})
	for _, bad := range []string{"", "2026-11-20", "2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T10:00:00", "2026-11-20T10:00:00.Z",
		"2026-11-20T10:00:00+1:00", "2026-11-20T10:00:00Zx", "2026-11-2xT10:00:00Z", "2026-04-31T00:00:00Z"} {
		if _, ok := parseTime([]byte(bad)); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestAddressTextsAgreeWithNetip(t *testing.T) {
	var texts addressTexts
	check := func(b []byte) error {
		got, ok := texts.parse(b)
		want, err := netip.ParseAddr(string(b))
		if wantOK := err == nil && !want.IsUnspecified() && len(b) <= 64; ok != wantOK || ok && got != plain(want) {
			return fmt.Errorf("%q: %v %t, netip %v %w", b, got, ok, want, err)
		}
		return nil
	}
	for _, s := range []string{"1.2.3.4", "01.2.3.4", "1.2.3", "1.2.3.4.5", "256.1.1.1", "0.0.0.0", "::", "::1", "::ffff:1.2.3.4", "fe80::1%eth0", "1.2.3.4 ", "", "."} {
		if err := check([]byte(s)); err != nil {
			t.Error(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := []byte(rapid.StringMatching(`[0-9a-f.:%]{0,20}`).Draw(t, "text"))
		if rapid.Bool().Draw(t, "real") {
			a, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
			b = []byte(a.String())
		}
		for range 2 { // the second time it is remembered
			if err := check(b); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzRead reads anything in every format: nothing panics, every record is
// counted once, and reading in pieces makes no difference.
func FuzzRead(f *testing.F) {
	// Short ones: what is found is minimised for as long as it is long.
	for format, text := range map[Format]string{
		CSV:       "src,dst,port\nshop/web,10.0.0.2,8443",
		AWS:       "2 1 e 10.0.0.1 10.0.0.2 40000 8443 6 1 1 1795600000 1795600060 ACCEPT OK",
		Conntrack: "tcp 6 9 X src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1",
		Envoy:     `[2026-11-20T21:26:18.409Z] "G" 1 - - - "-" 0 1 4 4 "-" "c" "8" "a" "10.0.0.2:1" o - - 10.0.0.1:4 - d`,
		Hubble:    `{"is_reply":true,"verdict":"","IP":{"source":"10.0.0.1","destination":"1.1.1.1"},"l4":{"TCP":{"source_port":1,"destination_port":2}}}`,
		GCP:       `{"connection":{"src_ip":"10.0.0.1","src_port":1,"dest_ip":"10.0.0.2","dest_port":2,"protocol":6}}`,
	} {
		f.Add(uint8(format), []byte(text))
	}
	f.Add(uint8(Envoy), []byte(`{"start_time":"2026-11-20T21:26:18Z","upstream_host":"1.1.1.1:1","downstream_local_address":"10.0.0.1:1","downstream_remote_address":"10.0.0.2:2"}`))
	f.Add(uint8(NDJSON), []byte(`{"src":"shop/web","dst":"10.0.0.2","port":8443}`+"\n[{}]"))
	f.Add(uint8(Auto), []byte("[1795600000.5 ]\t [NEW] tcp 6 120 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2"))
	f.Add(uint8(AWS), []byte("version srcaddr dstaddr srcport dstport protocol\n2 10.0.0.1 10.0.0.2 1 2 6"))
	f.Add(uint8(GCP), []byte("[{\"jsonPayload\":{\"connection\":{\"src_ip\":\"10.0.0.1\"}}}\n,{]}"))
	f.Add(uint8(CSV), []byte("src,dst,port,time\n\"shop/\"\"web\",x,1,2026-11-20T10:00:00Z\n"))
	f.Add(uint8(Auto), []byte("\x1f\x8b\x08"))
	f.Add(uint8(Auto), zstdOf(f, "src,dst,port\nshop/web,10.0.0.2,8443"))
	f.Add(uint8(Auto), parquetFile(f, "zstd-v2"))
	book := NewBook(shop(), BookOptions{})
	f.Fuzz(func(t *testing.T, format uint8, data []byte) {
		if format > uint8(NDJSON) {
			return
		}
		var answers [2]string
		for i, r := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data))} {
			a := NewAggregator(Options{Book: book, MaxEdges: 50, MaxAddresses: 20, MaxPeers: 3, MaxNames: 5, MaxBytes: 1 << 20})
			err := a.Read(context.Background(), "fuzz", r, Format(format))
			o := a.Observed()
			sum := o.Lost
			for _, e := range o.Edges {
				if e.Port == 0 || e.Src.IsZero() || e.Dst.IsZero() || e.First.After(e.Last) || e.SrcPlace != PlaceWorkload && e.DstPlace != PlaceWorkload {
					t.Fatalf("%+v", e)
				}
				if !grow(&sum, 1) && e.Count == 0 && e.Replies == 0 {
					t.Fatalf("an edge of nothing: %+v", e)
				}
			}
			if o.Records+o.Faulty > uint64(len(data))+1 && !packed(data) {
				t.Fatalf("%d records and %d faults of %d bytes", o.Records, o.Faulty, len(data))
			}
			answers[i] = fmt.Sprint(err, o.Records, o.Faulty, lines(o))
		}
		if answers[0] != answers[1] {
			t.Fatalf("in one piece\n%s\nbyte by byte\n%s", answers[0], answers[1])
		}
	})
}

func FuzzAddresses(f *testing.F) {
	f.Add([]byte("address,from,until,owner\n10.0.0.1,2026-11-01T00:00:00Z,,shop/Deployment/web\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ts, faults, err := ReadAddresses("fuzz", bytes.NewReader(data))
		if err == nil && len(ts)+len(faults) > bytes.Count(data, []byte{'\n'})+1 {
			t.Fatalf("%d and %d of %q", len(ts), len(faults), data)
		}
		NewBook(shop(), BookOptions{History: ts})
	})
}
