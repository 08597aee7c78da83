// Package protocol is the language between a host of selection policies and a
// policy plugin: policy.proto and what is generated from it. The program that
// generates needs protoc, protoc-gen-go v1.36.12 and protoc-gen-go-grpc v1.6.2.
//
// It is not for authors of plugins: those use package sdk.
package protocol

//go:generate protoc -Irspool_plugin=. --go_out=. --go_opt=module=github.com/rspool/rspool/plugins/protocol --go-grpc_out=. --go-grpc_opt=module=github.com/rspool/rspool/plugins/protocol --python_out=../python rspool_plugin/policy.proto

// Handshake names the protocol to the library that starts plugins. A program that
// is started without Cookie set to CookieValue is not run by a host.
const (
	Version     = 1
	Cookie      = "RSPOOL_POLICY_PLUGIN"
	CookieValue = "0d62b7a85e6f4bf1a1d64b6ff8d0c2f3"
)

// Revision is the revision of policy.proto.
const Revision = 1

// Lifeline is the environment variable that, where it is "stdin", tells a plugin
// that the end of its standard input is the end of its host.
const Lifeline = "RSPOOL_PLUGIN_LIFELINE"

// MaxElements is the number of elements of one event. MaxMessage is the size of
// one message in bytes: neither side takes a larger one.
const (
	MaxElements = 4096
	MaxMessage  = 4 << 20
)
