"""What tests of plugins are made with. It comes with the server, as a plugin of pytest that is found by itself.

=====================  ===========================================================================================
module                 what it has
=====================  ===========================================================================================
`plugin`               the fixtures `app` and `make_app` (the whole application in the process of the test), `server`
                       and `make_server` (real processes)
`apps`                 the application that `app` is
`requests`             requests and handshakes as clients send them, with and without a credential
`authenticators`       a suite for schemes of ``hanami_authenticators``
`apis`                 a suite for ``hanami_apis``
`routes`               a suite for the ``hanami_routes`` of one plugin
`targets`              a suite for ``hanami_socket_targets``
`databases`            a suite for backends of ``hanami_databases``
`blob_stores`          a suite for backends of ``hanami_blob_stores``
`hosts`                a suite for ``hanami_compute_hosts``
`formats`              a suite for ``hanami_dataset_formats``
`networks`             a suite for ``hanami_network_rules`` and their host
`storage`              what suites for storage have in common
=====================  ===========================================================================================

A suite is a class to derive from; its fixtures say what is examined. Each module has one suite, is imported by who
needs it, and knows no plugin.
"""
