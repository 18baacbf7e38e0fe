package app

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/ident"
)

func flowBook() *flow.Book {
	e := &estate.Estate{}
	for name, ip := range map[string]string{"web": "10.0.0.1", "api": "10.0.0.2"} {
		w := &estate.Workload{Ref: ident.Ref{Namespace: "shop", Kind: "Deployment", Name: name}}
		e.Workloads = append(e.Workloads, w)
		e.Pods = append(e.Pods, &estate.Pod{Namespace: "shop", Name: name + "-1", Workload: w, IPs: []netip.Addr{netip.MustParseAddr(ip)}})
	}
	return flow.NewBook(e, flow.BookOptions{})
}

const ownCSV = "time,src,dst,port\n2026-11-20T10:00:00Z,shop/web,shop/api,8443\n"

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

func TestFlows(t *testing.T) {
	files := fstest.MapFS{
		"logs/a.csv":         {Data: []byte(ownCSV)},
		"logs/sub/b.log.gz":  {Data: zipped("2 1 eni-1 10.0.0.1 10.0.0.2 40000 8443 6 1 1 1795600000 1795600060 ACCEPT OK\nnonsense\n")},
		"logs/sub/c.log.1":   {Data: []byte("tcp 6 9 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1 dport=8443 src=10.0.0.2 dst=10.0.0.1 sport=8443 dport=1 use=1\n")},
		"logs/README.md":     {Data: []byte("# what this is\n")},
		"logs/addresses.csv": {Data: []byte("address,from,until,owner\n10.0.0.9,,2026-11-01T00:00:00Z,shop/Deployment/web\n10.0.0.9,x,,shop/web\n")},
		"strange/photo.bin":  {Data: []byte{0, 1, 2, 3}},
		"empty.log":          {},
		"broken.gz":          {Data: zipped(strings.Repeat(ownCSV, 5000))[:80]},
	}
	ctx := context.Background()
	l := &Loader{Files: Files{FS: files, Stdin: strings.NewReader(ownCSV)}}
	o, problems, err := l.Flows(ctx, []string{"logs", "logs/*.csv", "-"}, flowBook())
	if err != nil {
		t.Fatal(err)
	}
	web, api := ident.Ref{Namespace: "shop", Kind: "Deployment", Name: "web"}, ident.Ref{Namespace: "shop", Kind: "Deployment", Name: "api"}
	if es := o.Seen(web, api); len(es) != 1 || es[0].Count != 4 || es[0].Port != 8443 {
		t.Errorf("edges %+v", o.Edges)
	}
	if len(problems) != 1 || problems[0].String() != "logs/sub/b.log.gz:2: a record of another number of fields: nonsense" {
		t.Errorf("problems %v", problems)
	}
	if len(o.Sources) != 4 {
		t.Errorf("a file that is named twice is read once: %+v", o.Sources)
	}

	o, problems, err = l.Flows(ctx, []string{"logs/a.csv", "strange", "empty.log", "broken.gz"}, flowBook())
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) < 2 || !strings.Contains(problems[0].String(), "strange/photo.bin: holds no flow records") || len(o.Incomplete()) < 2 {
		t.Errorf("problems %v, incomplete %v", problems, o.Incomplete())
	}

	for _, paths := range [][]string{{"missing.log"}, {"empty.log"}, {"strange"}, {"logs/a.csv", "-", "-"}} {
		if _, _, err := l.Flows(ctx, paths, flowBook()); err == nil {
			t.Errorf("%v: no error", paths)
		}
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := l.Flows(gone, []string{"logs"}, flowBook()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}

	ts, problems, err := l.Addresses(ctx, []string{"logs/addresses.csv"})
	if err != nil || len(ts) != 1 || len(problems) != 1 || problems[0].Where != "logs/addresses.csv:3" {
		t.Errorf("addresses %v %v %v", ts, problems, err)
	}
}
