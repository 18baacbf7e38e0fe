package ticket

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

// Ticket is what a tracker is to hold about a vulnerability for an owner.
type Ticket struct {
	Owner, ID string
	Label     string // names it in the tracker
	Title     string
	Body      string // Markdown, of text that no finding can break out of
}

// mostLines bounds the containers that a ticket lists.
const mostLines = 100

// Of makes the tickets of findings: one for an owner and a vulnerability, the worst first. What a
// statement cleared or somebody accepted is in none.
func Of(findings []report.RunningFinding) []Ticket {
	type key struct{ owner, id string }
	groups := map[key][]*report.RunningFinding{}
	var order []key
	for i := range findings {
		f := &findings[i]
		if f.State == "accepted" || f.State == "remediated" || f.Status == "not_affected" || f.Status == "fixed" {
			continue
		}
		k := key{f.Owner, f.ID}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], f)
	}
	severity := func(k key) (worst ident.Severity, kev bool) {
		for _, f := range groups[k] {
			s, _ := ident.ParseSeverity(f.Severity)
			worst, kev = max(worst, s), kev || f.KEV
		}
		return worst, kev
	}
	slices.SortStableFunc(order, func(a, b key) int {
		x, xk := severity(a)
		y, yk := severity(b)
		if xk != yk {
			return map[bool]int{true: -1, false: 1}[xk]
		}
		return cmp.Or(cmp.Compare(y, x), cmp.Compare(a.id, b.id), cmp.Compare(a.owner, b.owner))
	})
	out := make([]Ticket, 0, len(order))
	for _, k := range order {
		worst, kev := severity(k)
		out = append(out, write(k.owner, k.id, worst, kev, groups[k]))
	}
	return out
}

// write makes one. It says nothing that changes by itself, such as an age: a ticket is rewritten
// only where something changed.
func write(owner, id string, worst ident.Severity, kev bool, fs []*report.RunningFinding) Ticket {
	sum := sha256.Sum256([]byte(owner + "\x00" + id))
	t := Ticket{Owner: owner, ID: id, Label: "cofferdam-" + hex.EncodeToString(sum[:6])}
	var components, containers, fixes []string
	var due time.Time
	add := func(list *[]string, s string) {
		if s != "" && !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for _, f := range fs {
		add(&components, f.PURL)
		add(&containers, f.Cluster+": "+f.Container+" ("+f.Image+")")
		add(&fixes, f.Fix)
		if !f.Due.IsZero() && (due.IsZero() || f.Due.Before(due)) {
			due = f.Due
		}
	}
	for _, list := range [][]string{components, containers, fixes} {
		slices.Sort(list)
	}
	exploited := ""
	if kev {
		exploited = ", known to be exploited"
	}
	t.Title = plain(fmt.Sprintf("%s (%s%s) in %d of %s's containers", id, worst, exploited, len(containers), cmp.Or(owner, "nobody")), 200)
	var b strings.Builder
	fmt.Fprintf(&b, "Vulnerability %s, severity %s%s, is in what runs.\n", code(id), worst, exploited)
	if !due.IsZero() {
		fmt.Fprintf(&b, "It is to be gone by %s.\n", due.UTC().Format(time.DateOnly))
	}
	section := func(title string, list []string) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "\n%s:\n\n", title)
		for i, s := range list {
			if i == mostLines {
				fmt.Fprintf(&b, "- and %d more\n", len(list)-mostLines)
				break
			}
			b.WriteString("- " + code(s) + "\n")
		}
	}
	section("What mends it", fixes)
	section("Components", components)
	section("Containers", containers)
	b.WriteString("\nThis text is kept up to date, and the ticket closed once nothing has it. To accept it until a day: " + code("cofferdam findings decide "+id+" --state accepted") + ".\n")
	t.Body = b.String()
	return t
}

// code is text that no tracker reads as markup or as the name of somebody.
func code(s string) string { return "`" + strings.ReplaceAll(plain(s, 500), "`", "'") + "`" }

// plain is text on one line without what does not print.
func plain(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most-len("…")], "") + "…"
	}
	return strings.ReplaceAll(s, "@", "@\u200b") // nobody is called by it
}
