package client

import (
	"context"
	"encoding/json"
	"net/url"
)

// Workload is a container of a workload and what it runs.
type Workload struct {
	Namespace   string `json:"namespace"`
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Container   string `json:"container"`
	Image       string `json:"image,omitempty"`
	Digest      string `json:"digest,omitempty"`
	Zone        string `json:"zone,omitempty"`
	Service     string `json:"service,omitempty"`
	Owner       string `json:"owner,omitempty"`
	Criticality string `json:"criticality,omitempty"`
}

// ReportRunning says that a cluster runs these containers, and nothing else. It
// returns how many began or ended since the last report.
func (c *Client) ReportRunning(ctx context.Context, cluster string, workloads []Workload) (changed int, err error) {
	body, err := json.Marshal(map[string]any{"workloads": workloads})
	if err != nil {
		return 0, err
	}
	var out struct{ Changed int }
	err = c.do(ctx, putJSON("/api/v1/clusters/"+url.PathEscape(cluster)+"/workloads", body), &out)
	return out.Changed, err
}
