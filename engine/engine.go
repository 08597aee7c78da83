// Package engine says what a selection policy is and keeps pools in the order
// that their policy asks for. It decides; it neither stores elements for good
// nor speaks any protocol.
package engine

// Registry finds policies by name.
type Registry struct{}
