package trigger

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Conditions are what a finding must satisfy, in the workload that runs what was
// scanned. All must hold; of identifiers, one of those that are named.
type Conditions struct {
	texts    []string // as a person writes them, sorted
	ids      []string
	kev      bool
	fixable  bool
	exposed  bool
	likely   float64        // epss>=; 0: not asked for
	least    ident.Severity // severity>=
	exactly  ident.Severity // severity=; unknown: not asked for
	reach    []reachTo
	targeted []string // the SELECTORs of reach
}

// reachTo is one condition on what a workload reaches.
type reachTo struct {
	text     string
	selector estate.Selector
}

const conditionHint = "kev, epss>=0.5, fixable, exposure=internet, severity>=high, severity=critical, reach=zone:NAME, reach=namespace:NAME, reach=workload:NS/NAME, id=CVE-…; commas join them"

// Words returns the beginnings of conditions, for who completes them.
func Words() []string {
	return []string{"kev", "epss>=0.5", "fixable", "exposure=internet", "severity>=high", "severity>=critical", "severity=critical", "reach=zone:", "reach=namespace:", "reach=workload:", "id="}
}

// Parse reads conditions: each text is one, or several with commas between them.
func Parse(texts []string) (*Conditions, error) {
	c := &Conditions{}
	for _, t := range texts {
		for word := range strings.SplitSeq(t, ",") {
			word = strings.TrimSpace(word)
			if word == "" {
				continue
			}
			canonical, err := c.add(word)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(c.texts, canonical) {
				c.texts = append(c.texts, canonical)
			}
		}
	}
	if len(c.texts) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "no condition says which findings call for containment").WithHint("--when with some of: %s", conditionHint)
	}
	if c.exactly != ident.SeverityUnknown && c.exactly < c.least {
		return nil, ident.Errorf(ident.KindUsage, "no finding is both severity=%s and severity>=%s", c.exactly, c.least)
	}
	slices.Sort(c.texts)
	slices.Sort(c.ids)
	slices.SortFunc(c.reach, func(a, b reachTo) int { return strings.Compare(a.text, b.text) })
	slices.Sort(c.targeted)
	return c, nil
}

// add reads one condition and returns it as it is written.
func (c *Conditions) add(word string) (string, error) {
	unknown := ident.Errorf(ident.KindUsage, "--when %.80q is no condition", word).WithHint("one of: %s", conditionHint)
	switch word {
	case "kev":
		c.kev = true
		return word, nil
	case "fixable":
		c.fixable = true
		return word, nil
	}
	if text, ok := strings.CutPrefix(word, "severity>="); ok {
		s, err := severity(word, text)
		c.least = max(c.least, s)
		return "severity>=" + s.String(), err
	}
	if text, ok := strings.CutPrefix(word, "epss>="); ok {
		return c.addLikelihood(word, text)
	}
	name, value, ok := strings.Cut(word, "=")
	if !ok || value == "" {
		return "", unknown
	}
	switch name {
	case "id":
		c.ids = append(c.ids, value)
		return word, nil
	case "exposure":
		if value != "internet" {
			return "", unknown
		}
		c.exposed = true
		return word, nil
	case "severity":
		s, err := severity(word, value)
		if err != nil {
			return "", err
		}
		if c.exactly != ident.SeverityUnknown && c.exactly != s {
			return "", ident.Errorf(ident.KindUsage, "no finding is both severity=%s and severity=%s", c.exactly, s)
		}
		c.exactly = s
		return "severity=" + s.String(), nil
	case "reach":
		return c.addReach(word, value, unknown)
	}
	return "", unknown
}

func severity(word, text string) (ident.Severity, error) {
	s, ok := ident.ParseSeverity(text)
	if !ok || s <= ident.SeverityNone {
		return 0, ident.Errorf(ident.KindUsage, "--when %.80q names no severity", word).WithHint("one of: low, medium, high, critical")
	}
	return s, nil
}

// addLikelihood reads a probability as EPSS publishes it. Of several the highest counts.
func (c *Conditions) addLikelihood(word, text string) (string, error) {
	p, err := strconv.ParseFloat(text, 64)
	if err != nil || p <= 0 || p > 1 || math.IsNaN(p) {
		return "", ident.Errorf(ident.KindUsage, "--when %.80q names no probability", word).WithHint("more than 0, at most 1: epss>=0.5")
	}
	c.likely = max(c.likely, p)
	return "epss>=" + strconv.FormatFloat(p, 'g', -1, 64), nil
}

func (c *Conditions) addReach(word, value string, unknown error) (string, error) {
	kind, of, _ := strings.Cut(value, ":")
	if of == "" || !slices.Contains([]string{"zone", "namespace", "workload"}, kind) {
		return "", unknown
	}
	text := kind + "=" + of
	selector, err := estate.ParseSelector(text)
	if err != nil {
		return "", err
	}
	if !slices.Contains(c.targeted, text) {
		c.reach, c.targeted = append(c.reach, reachTo{word, selector}), append(c.targeted, text)
	}
	return word, nil
}

// String returns the conditions in one fixed order: however they were typed, the
// same conditions are the same text.
func (c *Conditions) String() string { return strings.Join(c.texts, ",") }

// Words returns the conditions one by one, in that order.
func (c *Conditions) Words() []string { return slices.Clone(c.texts) }

// Targets returns what the conditions on reach name, as SELECTORs.
func (c *Conditions) Targets() []string { return slices.Clone(c.targeted) }
