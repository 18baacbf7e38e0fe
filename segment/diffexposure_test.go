package segment_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

func TestDiffExposure(t *testing.T) {
	tcp := func(ports ...uint16) (out []segment.Conn) {
		for _, p := range ports {
			out = append(out, segment.Conn{From: p, To: p})
		}
		return out
	}
	way := func(level segment.ExposureLevel, ports ...uint16) segment.Way {
		return segment.Way{Level: level, Conns: tcp(ports...)}
	}
	r := ident.Ref{Namespace: "shop", Kind: "Deployment", Name: "web"}
	change := func(was, is segment.Verdict, ports ...uint16) segment.Change {
		return segment.Change{Src: ident.Ref{CIDR: ident.Internet}, Dst: r, Connections: tcp(ports...), Before: was, After: is}
	}
	for name, c := range map[string]struct {
		before, after []segment.Way
		want          []segment.Change
	}{
		"same":                 {[]segment.Way{way(segment.ExposedInternet, 443)}, []segment.Way{way(segment.ExposedInternet, 443)}, nil},
		"one more port":        {[]segment.Way{way(segment.ExposedInternet, 443)}, []segment.Way{way(segment.ExposedInternet, 443), way(segment.ExposedInternet, 22)}, []segment.Change{change(segment.Denied, segment.Allowed, 22)}},
		"one fewer":            {[]segment.Way{way(segment.ExposedInternet, 443), way(segment.ExposedInternet, 22)}, []segment.Way{way(segment.ExposedInternet, 443)}, []segment.Change{change(segment.Allowed, segment.Denied, 22)}},
		"in doubt":             {nil, []segment.Way{way(segment.ExposedUnknown, 80)}, []segment.Change{change(segment.Denied, segment.Unknown, 80)}},
		"doubt beside certain": {[]segment.Way{way(segment.ExposedInternet, 80)}, []segment.Way{way(segment.ExposedUnknown, 80), way(segment.ExposedInternet, 80)}, nil},
		"internal only":        {nil, []segment.Way{way(segment.ExposedInternal, 80)}, nil},
	} {
		got := segment.DiffExposure(r, segment.Exposure{Ways: c.before}, segment.Exposure{Ways: c.after})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}
