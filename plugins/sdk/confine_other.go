//go:build !linux || !(amd64 || arm64)

package sdk

func confine([]Confinement) error { return nil }
