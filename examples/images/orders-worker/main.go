// Orders-worker carries orders to the warehouse over SFTP-style connections.
package main

import (
	"log"
	"net"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/ssh"
)

func main() {
	bus, err := nats.Connect(os.Getenv("BROKER"))
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", ":2222")
	if err != nil {
		log.Fatal(err)
	}
	cfg := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		if conn, _, _, err := ssh.NewServerConn(c, cfg); err == nil {
			logrus.WithField("from", conn.RemoteAddr()).Info("warehouse connected")
			_ = bus.Publish("warehouse.connected", nil)
		}
	}
}
