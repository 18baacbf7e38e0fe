package report

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// Indicators is the answer of `indicators`: how well what runs is known and kept, in numbers
// that are compared from month to month.
type Indicators struct {
	SchemaVersion string           `json:"schemaVersion"`
	At            time.Time        `json:"at" doc:"As was known then"`
	Since         time.Time        `json:"since" doc:"Of what ended: from then on"`
	By            string           `json:"by,omitempty" enum:"owner,service,zone,cluster" doc:"What the rows after the first are of"`
	Goals         IndicatorGoals   `json:"goals"`
	Groups        []IndicatorGroup `json:"groups" doc:"Of everything first, without a name"`
}

// IndicatorGoals are what a server's indicators are held against.
type IndicatorGoals struct {
	SBOMAgeDays float64  `json:"sbomAgeDays,omitempty" doc:"The oldest that a document of what runs may be"`
	LicenseDays float64  `json:"licenseDays,omitempty" doc:"Within which a licence that nobody asserted is to be found out"`
	OwnImages   []string `json:"ownImages,omitempty" doc:"The beginnings of the names of one's own images; without any, nobody knows which are third parties'"`
}

// IndicatorGroup is how it is with what belongs to one owner, service, zone or cluster.
type IndicatorGroup struct {
	Name        string               `json:"name,omitempty"`
	Containers  int                  `json:"containers" doc:"That run"`
	Aligned     int                  `json:"aligned" doc:"Of them: a document describes just the image that runs, by its digest"`
	SBOMAge     Durations            `json:"sbomAge" doc:"Of the newest document of each of these, since it was made"`
	Undated     int                  `json:"undated" doc:"Whose documents do not say when they were made"`
	Fresh       int                  `json:"fresh" doc:"Not older than the goal; of any age where there is none"`
	ThirdParty  *ThirdPartyIndicator `json:"thirdParty,omitempty" doc:"Absent where the server is not told which images are its own"`
	Licenses    *LicenseIndicator    `json:"licenses,omitempty" doc:"Absent where the server judges no documents"`
	Remediation []RemediationClass   `json:"remediation" doc:"By severity, the worst first"`
	Gates       *GateIndicator       `json:"gates,omitempty" doc:"Absent where no gate recorded what it decided"`
}

// Durations says how durations are distributed; all zero where there are none.
type Durations struct {
	Count          int     `json:"count"`
	MeanSeconds    float64 `json:"meanSeconds"`
	MedianSeconds  float64 `json:"medianSeconds"`
	P90Seconds     float64 `json:"p90Seconds" doc:"Nearest rank"`
	SlowestSeconds float64 `json:"slowestSeconds"`
}

// ThirdPartyIndicator is about images that others made.
type ThirdPartyIndicator struct {
	Images   int `json:"images" doc:"That run"`
	Verified int `json:"verified" doc:"Of them: with a document whose signature verified"`
}

// LicenseIndicator is about packages of which no licence is asserted.
type LicenseIndicator struct {
	Open     int       `json:"open" doc:"Products that run and in whose newest document the licence of a package is declared as unknown"`
	Packages int       `json:"packages" doc:"Those packages"`
	Age      Durations `json:"age" doc:"Since when that is so, over all documents of a product"`
	Took     Durations `json:"took" doc:"How long it was so where it ended"`
	Late     int       `json:"late" doc:"Beyond the goal, open or ended"`
}

// GateIndicator is about decisions of gates that were recorded (gate --record). A product, all images
// of one name, is blocked from the first gate that fails for it to the one that passes and asks for no less.
type GateIndicator struct {
	Passed     int         `json:"passed" doc:"Decisions"`
	Failed     int         `json:"failed"`
	NotChecked int         `json:"notChecked"`
	LetPass    int         `json:"letPass" doc:"Failed, and only warned: they block nothing"`
	Blocks     []GateBlock `json:"blocks" doc:"Of every cause first, then by cause; one of several causes counts for each"`
}

// GateBlock are the blocks of one cause.
type GateBlock struct {
	By      string    `json:"by,omitempty" enum:"sbom,findings,policy" doc:"sbom: there is none, or it is broken, too bad, refused or of something else; empty: any"`
	Began   int       `json:"began"`
	Open    int       `json:"open" doc:"Still, and tried again within 90 days"`
	OpenAge Durations `json:"openAge"`
	// Otherwise, Excused: what ended a block only seemingly, or by leave.
	Otherwise int       `json:"otherwise" doc:"Of the open ones: a newer image passed a gate that asks for other things"`
	Ended     int       `json:"ended"`
	Excused   int       `json:"excused" doc:"Of the ended: an exception let it pass"`
	Took      Durations `json:"took" doc:"From the first gate that failed to the one that passed"`
}

// percent writes a part of a whole; "–" where there is nothing.
func percent(part, whole int) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %% (%d of %d)", 100*float64(part)/float64(whole), part, whole)
}

func spanOf(d Durations) string {
	if d.Count == 0 {
		return "–"
	}
	return days(d.MedianSeconds) + " / " + days(d.P90Seconds)
}

func indicatorsTable(w io.Writer, a *Indicators, o Options) error {
	p := newPrinter(w, o)
	if len(a.Groups) == 0 {
		p.linef("%s is known", p.bold("NOTHING"))
		return p.done()
	}
	all := &a.Groups[0]
	p.linef("%s run, %s with a document that describes just their image", p.bold(plural(all.Containers, "container")), percent(all.Aligned, all.Containers))
	if a.Goals.SBOMAgeDays == 0 {
		p.linef("how old documents may be is nowhere said: goals.sbomAgeDays in the server's configuration")
	}
	if all.ThirdParty == nil {
		p.linef("which images are third parties' is nowhere said: goals.ownImages in the server's configuration")
	}
	if all.Licenses == nil {
		p.linef("of licences nothing is known: the server judges no documents")
	}
	if all.Gates == nil {
		p.linef("what gates blocked nobody recorded: gate --record")
	}
	rows := make([][]string, 0, len(a.Groups))
	var mended, blocked [][]string
	for i := range a.Groups {
		g := &a.Groups[i]
		name := clean(g.Name)
		if name == "" {
			name = p.bold("everything")
		}
		row := []string{name, strconv.Itoa(g.Containers), percent(g.Aligned, g.Containers), spanOf(g.SBOMAge), percent(g.Fresh, g.Aligned), "–", "–", "–"}
		if g.ThirdParty != nil {
			row[5] = percent(g.ThirdParty.Verified, g.ThirdParty.Images)
		}
		if l := g.Licenses; l != nil {
			row[6] = fmt.Sprintf("%d open, %s", l.Open, spanOf(l.Age))
			if l.Late > 0 {
				row[6] += p.red(fmt.Sprintf(", %d late", l.Late))
			}
			row[7] = spanOf(l.Took)
		}
		rows = append(rows, row)
		if g.Gates != nil {
			for _, b := range g.Gates.Blocks {
				if b.By != "" && b.Began+b.Open+b.Ended == 0 {
					continue
				}
				of := func(n, part int, what string) string {
					if part == 0 {
						return strconv.Itoa(n)
					}
					return fmt.Sprintf("%d (%d %s)", n, part, what)
				}
				row := []string{name, b.By, strconv.Itoa(b.Began), of(b.Open, b.Otherwise, "passed otherwise"), spanOf(b.OpenAge), of(b.Ended, b.Excused, "by exception"), spanOf(b.Took), "", ""}
				if b.By == "" {
					row[1], row[7], row[8] = p.bold("anything"), strconv.Itoa(g.Gates.Failed), strconv.Itoa(g.Gates.Passed)
				}
				blocked = append(blocked, row)
			}
		}
		for _, c := range g.Remediation {
			if c.Open+c.Remediated+c.Gone == 0 {
				continue
			}
			took := "–"
			if c.Remediated > 0 {
				took = days(c.MedianSeconds) + " / " + days(c.P90Seconds)
			}
			f := RunningFinding{Severity: c.Severity}
			mended = append(mended, []string{name, p.severity(f.severity()), strconv.Itoa(c.Open), strconv.Itoa(c.Overdue), strconv.Itoa(c.Remediated), took, strconv.Itoa(c.Late)})
		}
	}
	p.heading("DOCUMENTS AND LICENCES", len(rows), "of what runs; times are medians and 90th percentiles")
	p.table([]column{{"OF", 12}, {"CONTAINERS", 0}, {"ALIGNED", 0}, {"SBOM AGE", 0}, {"FRESH", 0}, {"THIRD PARTIES' VERIFIED", 0}, {"LICENCES UNKNOWN", 0}, {"FOUND OUT IN", 0}}, rows)
	if len(mended) > 0 {
		p.heading("REMEDIATION", len(mended), "of exposures that hold, or ended since "+a.Since.UTC().Format(time.DateOnly))
		p.table([]column{{"OF", 12}, {"SEVERITY", 0}, {"OPEN", 0}, {"OVERDUE", 0}, {"REMEDIATED", 0}, {"IN", 0}, {"LATE", 0}}, mended)
	}
	if len(blocked) > 0 {
		p.heading("BLOCKED BY GATES", len(blocked), "products from a gate that failed to one that passed, since "+a.Since.UTC().Format(time.DateOnly))
		p.table([]column{{"OF", 12}, {"BY", 0}, {"BEGAN", 0}, {"OPEN", 0}, {"FOR", 0}, {"ENDED", 0}, {"AFTER", 0}, {"FAILED", 0}, {"PASSED", 0}}, blocked)
	}
	return p.done()
}
