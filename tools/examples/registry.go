package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// localRegistry is a real registry on loopback that answers as an HTTP proxy:
// clients speak to registry.lanternfish.example by its name, so that SBOMs
// carry the references that the manifests use.
type localRegistry struct {
	server *http.Server
	proxy  *url.URL
}

func startRegistry(ctx context.Context, dir string) (*localRegistry, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	backend := registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(dir)), registry.Logger(log.New(io.Discard, "", 0)))
	handler := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		// Clients try TLS first, which a proxy sees as CONNECT. There is none here, and they go on with plain HTTP.
		if q.Method == http.MethodConnect || q.URL.Path == "" {
			http.Error(w, "no TLS here", http.StatusBadGateway)
			return
		}
		backend.ServeHTTP(w, q)
	})
	r := &localRegistry{
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
		proxy:  &url.URL{Scheme: "http", Host: l.Addr().String()},
	}
	go func() { _ = r.server.Serve(l) }()
	return r, nil
}

func (r *localRegistry) stop() { _ = r.server.Close() }

func (r *localRegistry) options(ctx context.Context) []remote.Option {
	t := remote.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = http.ProxyURL(r.proxy)
	return []remote.Option{remote.WithContext(ctx), remote.WithTransport(t)}
}

func (r *localRegistry) pushImage(ctx context.Context, ref string, img v1.Image) error {
	tag, err := name.NewTag(ref, name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(tag, img, r.options(ctx)...)
}

func (r *localRegistry) pushIndex(ctx context.Context, ref string, index v1.ImageIndex) error {
	tag, err := name.NewTag(ref, name.Insecure)
	if err != nil {
		return err
	}
	return remote.WriteIndex(tag, index, r.options(ctx)...)
}
