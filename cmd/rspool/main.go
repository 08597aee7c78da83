// Command rspool runs and inspects Reliable Server Pooling: registrars,
// elements and users in one binary. Each command is a file that wires the
// packages below it; the work is theirs.
//
// It holds no protocol of its own: see packages registrar and pool to embed one.
package main

import "os"

func main() {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(a.execute(os.Args[1:]))
}
