"""The engine on a virtual clock: what would these rules have done?"""
