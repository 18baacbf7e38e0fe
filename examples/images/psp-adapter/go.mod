module lanternfish.example/psp-adapter

go 1.26.8

require google.golang.org/protobuf v1.31.0
