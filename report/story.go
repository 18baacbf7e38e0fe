package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Story is what `demo` tells: an estate, and what one vulnerability means for it.
type Story struct {
	Map   *inventory.Map   `json:"map"`
	Blast *inventory.Blast `json:"blast"`
}

// storyText tells it in at most 40 lines: the advisory, where it runs, the path
// from the internet to what is protected with the rule behind each hop, and the
// command to type next.
func storyText(w io.Writer, s *Story, o Options) error {
	p := newPrinter(w, o)
	m, b := s.Map, s.Blast
	name := m.Cluster
	if name == "" {
		name = "the example estate"
	}
	p.linef("%s: %s in %s, %s, %s", p.bold(clean(name)), plural(len(m.Workloads), "workload"), plural(countNamespaces(m), "namespace"),
		plural(len(m.Policies), "policy"), plural(len(m.Unprotected), "workload")+" without any policy")
	p.blank()
	p.title(b.Query, b.Advisory)
	p.blank()
	p.linef("%s", p.bold("Where does it run?"))
	const most = 6
	for i, a := range b.Affected {
		if i == most {
			p.linef("  %s", p.dim(fmt.Sprintf("… and %d more", len(b.Affected)-most)))
			break
		}
		p.linef("  %-10s %s  %s  %s", clean(a.Zone), p.bold(fmt.Sprintf("%-28s", who(a.Workload))), components(a.Sites), p.dim("exposed to "+string(a.Exposure)+", "+clean(a.Owner)))
	}
	p.blank()
	p.linef("%s  %s", p.bold("What can it reach?"), p.blastVerdict(b))
	if path := protectedPath(b); path != nil {
		p.entrance(b, path)
		for i, h := range path.Path {
			p.hop(i+1, h)
		}
	}
	direct, onward, _ := split(b.Reach)
	from, _, _ := split(b.ReachedBy)
	p.blank()
	p.linef("%s reached directly, %s onward; %s can reach it directly.", plural(workloadsOf(direct), "workload"), plural(workloadsOf(onward), "workload"), plural(workloadsOf(from), "workload"))
	next := []string{o.Command + " blast " + shellWord(b.Query) + " " + o.Inputs}
	if path := protectedPath(b); path != nil && len(path.Path) > 0 {
		last := path.Path[len(path.Path)-1]
		next = append(next, fmt.Sprintf("%s reach why %s %s%s -f examples/estate/manifests", o.Command, last.From.Short(), last.To.Short(), portFlag(last.Connections)))
	}
	p.commands("Next", next)
	p.linef("%s", p.dim(coverageLine(b.Coverage)))
	return p.done()
}

func workloadsOf(rs []inventory.ReachedWorkload) int {
	n := 0
	for _, r := range rs {
		if !r.Workload.IsCIDR() {
			n++
		}
	}
	return n
}

func portFlag(cs []segment.Conn) string {
	if len(cs) == 1 && cs[0].From == cs[0].To {
		return " --port " + portRange(cs[0])
	}
	return ""
}

// entrance tells how the internet comes to where the path begins.
func (p *printer) entrance(b *inventory.Blast, path *inventory.ReachedWorkload) {
	if len(path.Path) == 0 {
		return
	}
	for _, a := range b.Affected {
		if a.Workload != path.Path[0].From || a.Exposure != segment.ExposedInternet {
			continue
		}
		for _, x := range a.Ways {
			if x.Level != segment.ExposedInternet {
				continue
			}
			via := ""
			if len(x.Via) > 0 {
				via = " through " + affects(x.Via)
			}
			p.linef("  0  %s → %s  %s", p.bold("internet"), p.bold(who(a.Workload)), p.cyan(ports(x.Conns)))
			p.linef("       %s  %s%s", p.dim("in "), clean(x.Object), via)
			return
		}
	}
}

func coverageLine(c inventory.Coverage) string {
	parts := []string{fmt.Sprintf("searched %d of %s", c.WithSBOM, plural(c.Workloads, "workload"))}
	parts = append(parts, restricted(c)...)
	if c.AdvisoriesAsOf != "" {
		parts = append(parts, clean(c.Advisories()))
	}
	parts = append(parts, known(c)...)
	if n := c.SBOMMatchedBy.Tag; n > 0 {
		parts = append(parts, plural(n, "image")+" matched by tag only")
	}
	if c.SBOMTrust != nil {
		parts = append(parts, "SBOMs of images: "+c.SBOMTrust.String())
	}
	if n := c.ComponentsWithoutIdentity; n > 0 {
		parts = append(parts, plural(n, "component")+" without identity")
	}
	parts = append(parts, enforced(c)...)
	return strings.Join(parts, "; ")
}
