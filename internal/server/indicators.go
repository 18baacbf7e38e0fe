package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// indicators say how well what runs is known and kept.
type indicators interface {
	Indicators(ctx context.Context, q catalog.IndicatorQuery) (*catalog.Indicators, error)
}

func (a *api) indicators() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "indicators", Method: http.MethodGet, Path: "/api/v1/indicators", Tags: []string{"Inventory"}, Summary: "How well what runs is known and kept, in numbers",
		Description: "How much of what runs has a document that describes it and how old those are, how many third parties' images have a verified one, since when licences are unknown, how long vulnerabilities stay, and what gates blocked for how long: now, or as was known at a time.",
	}, a.listIndicators)
}

type indicatorsAnswer struct{ Body report.Indicators }

func (a *api) listIndicators(ctx context.Context, in *struct {
	Tenant  string    `query:"tenant" maxLength:"100"`
	By      string    `query:"by" enum:"owner,service,zone,cluster" doc:"A row for each, after that of everything"`
	Cluster string    `query:"cluster" maxLength:"256"`
	Zone    string    `query:"zone" maxLength:"256"`
	Since   time.Time `query:"since" doc:"Of what ended: from then on; 90 days by default"`
	At      time.Time `query:"at" doc:"As was known then"`
}) (*indicatorsAnswer, error) {
	who, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	x, err := a.Catalog.Indicators(ctx, catalog.IndicatorQuery{Tenant: tenant, Mine: tenant != "" || who.Tenant != "", By: in.By, Cluster: in.Cluster, Zone: in.Zone, Since: a.since(in.Since, in.At), At: in.At})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	const day = 24 * time.Hour
	out := &indicatorsAnswer{Body: report.Indicators{SchemaVersion: inventory.SchemaVersion, At: x.At.UTC(), Since: x.Since.UTC(), By: in.By, Groups: []report.IndicatorGroup{},
		Goals: report.IndicatorGoals{SBOMAgeDays: float64(x.Goals.SBOMAge) / float64(day), LicenseDays: float64(x.Goals.Licenses) / float64(day), OwnImages: x.Goals.Own}}}
	for i := range x.Groups {
		g := &x.Groups[i]
		v := report.IndicatorGroup{Name: g.Name, Containers: g.Containers, Aligned: g.Covered, SBOMAge: durations(g.SBOMAge), Undated: g.Undated, Fresh: g.Fresh, Remediation: remediationClasses(g.Remediation)}
		if len(x.Goals.Own) > 0 {
			v.ThirdParty = &report.ThirdPartyIndicator{Images: g.ThirdParty, Verified: g.Verified}
		}
		if x.Licensed {
			v.Licenses = &report.LicenseIndicator{Open: g.LicensesOpen, Packages: g.LicensePackages, Age: durations(g.LicenseAge), Took: durations(g.LicenseTook), Late: g.LicensesLate}
		}
		if g.Gates != nil {
			v.Gates = gateIndicator(g.Gates)
		}
		out.Body.Groups = append(out.Body.Groups, v)
	}
	return out, nil
}

func gateIndicator(g *catalog.GateBlocks) *report.GateIndicator {
	out := &report.GateIndicator{Passed: g.Passed, Failed: g.Failed, NotChecked: g.NotChecked, LetPass: g.LetPass, Blocks: []report.GateBlock{}}
	for _, c := range g.Classes {
		out.Blocks = append(out.Blocks, report.GateBlock{By: c.By, Began: c.Began, Open: c.Open, OpenAge: durations(c.OpenAge), Otherwise: c.Otherwise, Ended: c.Ended, Excused: c.Excused, Took: durations(c.Took)})
	}
	return out
}

func durations(s catalog.Spread) report.Durations {
	return report.Durations{Count: s.N, MeanSeconds: s.Mean.Seconds(), MedianSeconds: s.Median.Seconds(), P90Seconds: s.P90.Seconds(), SlowestSeconds: s.Slowest.Seconds()}
}

func remediationClasses(list []catalog.RemediationClass) []report.RemediationClass {
	out := []report.RemediationClass{}
	for _, c := range list {
		out = append(out, report.RemediationClass{Severity: c.Severity.String(), Open: c.Open, OldestSeconds: c.Oldest.Seconds(), Overdue: c.Overdue, Remediated: c.Remediated, Late: c.Late, Gone: c.Gone,
			MeanSeconds: c.Mean.Seconds(), MedianSeconds: c.Median.Seconds(), P90Seconds: c.P90.Seconds(), SlowestSeconds: c.Slowest.Seconds()})
	}
	return out
}
