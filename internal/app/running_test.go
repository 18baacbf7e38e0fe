package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
)

const (
	runningDigest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	clusterText   = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app.kubernetes.io/part-of: storefront}}
spec: {containers: [{name: app, image: "registry.example/shop/web:1"}, {name: proxy, image: "registry.example/proxy:2"}]}
status:
  containerStatuses:
  - {name: app, image: "registry.example/shop/web:1", imageID: "registry.example/shop/web@` + runningDigest + `"}
  - {name: proxy, image: "registry.example/proxy:2", imageID: ""}
`
)

// What manifests say runs is what the server is told, cluster by cluster.
func TestReportRunning(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	prod, zones := write("prod.yaml", clusterText), write("cofferdam.yaml", "apiVersion: cofferdam.dev/v1alpha1\nkind: Estate\nzones:\n- name: dmz\n  namespaces: [shop]\n")
	broken := write("broken.yaml", clusterText+"---\napiVersion: v1\nkind: Pod\nmetadata: {name: [}\n")
	url, end := serving(t, app.ServeOptions{Data: filepath.Join(dir, "data")})
	defer end()
	c, err := client.New(url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l := &app.Loader{}
	in := app.EstateInputs{Manifests: []string{"prod=" + prod}, EstateFile: zones}
	rows, problems, err := l.ReportRunning(t.Context(), c, in, time.Now())
	if err != nil || len(problems) != 0 || len(rows) != 1 || rows[0].Cluster != "prod" || rows[0].Containers != 2 || rows[0].Unresolved != 1 || rows[0].Changed != 2 {
		t.Fatalf("%+v, %v, %v", rows, problems, err)
	}
	if rows, _, err := l.ReportRunning(t.Context(), c, in, time.Now()); err != nil || rows[0].Changed != 0 {
		t.Errorf("again: %+v, %v", rows, err)
	}
	covers := get(t, url+"/api/v1/coverage")
	for _, want := range []string{`"container":"app"`, `"digest":"` + runningDigest + `"`, `"zone":"dmz"`, `"service":"storefront"`, `"standing":"missing"`, `"standing":"unresolved"`} {
		if !strings.Contains(covers, want) {
			t.Errorf("no %s in %s", want, covers)
		}
	}
	if _, _, err := l.ReportRunning(t.Context(), c, app.EstateInputs{Manifests: []string{prod}}, time.Now()); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("no cluster: %v", err)
	}
	if _, problems, err := l.ReportRunning(t.Context(), c, app.EstateInputs{Manifests: []string{"prod=" + broken}, EstateFile: zones}, time.Now()); ident.KindOf(err) != ident.KindInvalid || len(problems) == 0 {
		t.Errorf("objects that cannot be read: %v, %v", problems, err)
	}
	if again := get(t, url+"/api/v1/coverage"); again != covers {
		t.Errorf("what was refused changed something:\n%s\n%s", covers, again)
	}
	empty := write("empty.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
	if rows, _, err := l.ReportRunning(t.Context(), c, app.EstateInputs{Manifests: []string{"prod=" + empty}}, time.Now()); err != nil || rows[0].Changed != 2 {
		t.Errorf("nothing runs any more: %+v, %v", rows, err)
	}
}
