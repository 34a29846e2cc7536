"""The features of Hanami, one package each, registered in the same entry-point group as plugins of third parties."""
