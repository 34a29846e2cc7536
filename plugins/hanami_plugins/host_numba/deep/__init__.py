"""Section growth with several hidden hexagons: clusters whose hexagons form a flow from inputs to outputs.

Each hidden hexagon between inputs and outputs owns as many blocks of 64 neurons as the template asks for. Who feeds
whom is what `Topology.targets` says, with distances and axons:

* An input value that is active for the first time grows a section into every hidden hexagon that its hexagon reaches,
  where its value is divided by its border, as in a cluster with one hidden hexagon.
* A hidden neuron has a section in every hidden hexagon that its own reaches. A section whose source is silent changes
  nothing and learns nothing, so it does not matter that these are laid down when the network is made. Values of hidden
  neurons are passed on as they are: initial weights are scaled to keep them in range, and a border, which only ever
  rises, was measured to cost half a percent of accuracy.
* An output is read from all hidden hexagons that reach its own. Who reaches an output over no hidden hexagon at all
  is refused.

Growing into every reachable hexagon instead of one that is drawn is measured, too: one epoch of MNIST with two and
three hidden hexagons and distances 2 and 3 ends 0.2 to 0.4 % better.

A cycle runs through the hexagons in their order, forward and backward, and is learned before the next one begins. One
thread trains; requests are split over all threads. `reference` is the definition, `graph` the way from a template to
hexagons; neither they nor `memory` need a compute library.
"""
