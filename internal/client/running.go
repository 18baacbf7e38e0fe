package client

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/cofferdam-io/cofferdam/report"
)

// ReportRunning says that a cluster runs these containers, and nothing else. It
// returns how many began or ended since the last report.
func (c *Client) ReportRunning(ctx context.Context, cluster string, workloads []report.RunningContainer) (changed int, err error) {
	body, err := json.Marshal(map[string]any{"workloads": workloads})
	if err != nil {
		return 0, err
	}
	var out struct{ Changed int }
	err = c.do(ctx, putJSON("/api/v1/clusters/"+url.PathEscape(cluster)+"/workloads", body), &out)
	return out.Changed, err
}
