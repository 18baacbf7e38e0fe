module lanternfish.example/orders-worker

go 1.26.8

require (
	github.com/nats-io/nats.go v1.31.0
	github.com/sirupsen/logrus v1.9.3
	golang.org/x/crypto v0.21.0
)

require (
	github.com/klauspost/compress v1.17.0 // indirect
	github.com/nats-io/nkeys v0.4.5 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	golang.org/x/sys v0.18.0 // indirect
)
