package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
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
	r := &request{method: http.MethodPut, path: "/api/v1/clusters/" + url.PathEscape(cluster) + "/workloads", size: int64(len(body)), header: http.Header{"Content-Type": {"application/json"}},
		body: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}
	var out struct{ Changed int }
	err = c.do(ctx, r, &out)
	return out.Changed, err
}
