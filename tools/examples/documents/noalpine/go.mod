module gitlab.alpinelinux.org/alpine/go

go 1.24
