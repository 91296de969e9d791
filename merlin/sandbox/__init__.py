"""Stand-ins of the outside services, for the demo and for tests over real HTTP.

They are shipped code and honest: each keeps the limits and the error words of the service that
it stands in for, and says that it is a stand-in wherever a person could take it for the real one.
"""
