package pool

// WithDefaults returns what a configuration stands for.
func (c HostConfig) WithDefaults() HostConfig {
	c.setDefaults()
	return c
}

// WithDefaults returns what a configuration stands for.
func (c UserConfig) WithDefaults() UserConfig {
	c.setDefaults()
	return c
}

// WithDefaults returns what a configuration stands for.
func (c *ElementConfig) WithDefaults() (*ElementConfig, error) { return c.complete("EchoPool") }
