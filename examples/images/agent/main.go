// Agent runs on every node: it forwards logs, counts, or keeps the service rules, by its argument.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

func main() {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		log.Fatal(err)
	}
	fs, err := procfs.NewFS(os.Getenv("HOST_PROC"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		if load, err := fs.LoadAvg(); err == nil {
			log.Print(load.Load1)
		}
	})
	log.Fatal(http.ListenAndServe(":9100", nil))
}
